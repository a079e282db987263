/**
 * What a script says is wrong with its settings or its protocol, taken out of the line that k6 logs: without the stack,
 * which says nothing to who gave them. Undefined where k6 refuses for another reason.
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
