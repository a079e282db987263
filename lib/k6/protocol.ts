/** Which protocol a scenario speaks: its own, one of a file, or one that comes with the toolkit. */
import { defineProtocol, type ProtocolInCode } from "../protocols/code.ts";
import { withTypes } from "../protocols/codecs/schema-file.ts";
import { compile, PROTOCOLS, type Protocol, parseDescriptor } from "../protocols/index.ts";
import { isScript } from "../protocols/remote.ts";
import { type Settings, SettingsError } from "../settings.ts";
import { loadCodecs } from "./codecs.ts";
import { fromWorkingDir, readBytes, readInput, readJsonInput, reasonOf } from "./files.ts";

/** What a script may state: a protocol in code or a descriptor, compiled or not. */
// biome-ignore lint/suspicious/noExplicitAny: what its connections remember is nobody else's business
export type OwnProtocol = Protocol | ProtocolInCode<any>;

/** @throws {@link SettingsError} or DescriptorError describing the problem */
export function protocolFor(
  { PROTOCOL, PROTOCOL_FILE }: Settings<"PROTOCOL" | "PROTOCOL_FILE">,
  columns: readonly string[],
  own?: OwnProtocol,
): Protocol {
  if (own) {
    for (const name of ["PROTOCOL", "PROTOCOL_FILE"] as const) {
      if (__ENV[name])
        throw new SettingsError(`${name}: expected nothing, since this scenario states its protocol itself`);
    }
    return compiled(own, columns);
  }
  if (PROTOCOL_FILE === "") return compile(PROTOCOLS[PROTOCOL]);
  if (__ENV.PROTOCOL) {
    throw new SettingsError("PROTOCOL: expected nothing beside PROTOCOL_FILE, which names the protocol");
  }
  if (isScript(PROTOCOL_FILE)) return compiled(loadScript(PROTOCOL_FILE), columns, PROTOCOL_FILE);
  const json = readJsonInput("PROTOCOL_FILE", PROTOCOL_FILE);
  loadCodecs(json);
  const whole = withTypes(
    json,
    PROTOCOL_FILE,
    (path) => readInput("PROTOCOL_FILE", path),
    (path) => readBytes("PROTOCOL_FILE", path),
  );
  return compile(parseDescriptor(whole, PROTOCOL_FILE, columns), columns);
}

const compiled = (own: OwnProtocol, columns: readonly string[], source?: string): Protocol =>
  "connection" in own && typeof own.connection === "function"
    ? (own as Protocol)
    : defineProtocol(own as ProtocolInCode, columns, source);

/** The default export of a script. k6 loads it as it loads any: TypeScript too, and with k6's own modules. */
function loadScript(path: string): OwnProtocol {
  readInput("PROTOCOL_FILE", path);
  const absolute = fromWorkingDir(path);
  let exported: { default?: unknown };
  try {
    exported = (globalThis as unknown as { require(path: string): typeof exported }).require(absolute);
  } catch (error) {
    throw new SettingsError(
      `PROTOCOL_FILE: expected a script that k6 can load (bundled, where it imports packages; a type import needs none), got ${absolute} (${reasonOf(error)})`,
    );
  }
  const { default: own } = exported;
  if (typeof own === "object" && own !== null) return own as OwnProtocol;
  throw new SettingsError(
    `PROTOCOL_FILE: expected a script whose default export is a protocol, got ${absolute}, which has ${own === undefined ? "none" : `a ${typeof own}`}`,
  );
}
