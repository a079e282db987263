import { join, parse } from "node:path";

/**
 * A script's complaint about its settings or its protocol, taken out of the line that k6 logs. It leaves out the
 * stack, which does not help the person who gave them. Undefined if k6 refuses for another reason.
 */
export function settingsProblem(log: string): string | undefined {
  const [, quoted] = /msg=("(?:SettingsError|DescriptorError): (?:[^"\\]|\\.)*")/.exec(log) ?? [];
  if (quoted === undefined) return undefined;
  try {
    const text: string = JSON.parse(quoted);
    return text.replace(/^\w+: /, "").replace(/\n\tat .*$/s, "");
  } catch {
    return undefined; // Go quotes some characters as JSON does not
  }
}

/** What to do about a script that imports a package, which k6 cannot find. Undefined where k6 refuses for another reason. */
export function packageProblem(script: string, log: string): string | undefined {
  const [, name] = /moduleSpecifier \\"([^."/\\][^"\\]*)\\" couldn't be recognised/.exec(log) ?? [];
  if (name === undefined) return undefined;
  const { dir, name: base } = parse(script);
  const bundle = join(dir, "dist", `${base}.js`);
  return `${script}: expected a script that k6 can load, got an import of the package "${name}". Bundle it and run the bundle: npx esbuild ${script} --bundle --format=esm --external:k6 --external:'k6/*' --outfile=${bundle}`;
}
