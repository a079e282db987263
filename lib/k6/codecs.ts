/** Codecs where k6 runs: each is a script of its own beside the scenarios, which only those load that need it. */
import { type CodecName, hasCodec, type MakeCodec, useCodec } from "../protocols/codecs/codec.ts";
import { codecsNamed } from "../protocols/codecs/named.ts";
import { SettingsError } from "../settings.ts";

type Require = (path: string) => Partial<Record<CodecName, MakeCodec>>;

/**
 * Loads the codecs that a descriptor names. To be called in the init context.
 *
 * @throws {@link SettingsError} where the script of a codec is not beside that of the scenario
 */
export function loadCodecs(descriptor: unknown): void {
  for (const name of codecsNamed(descriptor)) if (!hasCodec(name)) useCodec(name, load(name));
}

function load(name: CodecName): MakeCodec {
  const path = `./codecs/${name}.js`;
  try {
    // No import: it would be a part of every scenario.
    const make = (globalThis as unknown as { require: Require }).require(path)[name];
    if (make) return make;
  } catch (error) {
    throw new SettingsError(
      `PROTOCOL_FILE: expected the codec "${name}" in ${path} beside the script, got none (${(error as Error).message}): in a script of your own call useCodec before`,
    );
  }
  throw new SettingsError(`PROTOCOL_FILE: expected the codec "${name}" in ${path}, got another script`);
}
