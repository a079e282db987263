import type { Protocol } from "../protocols/index.ts";
import { SettingsError } from "../settings.ts";

/**
 * What is held and never asked anything tells nothing of the server.
 *
 * @throws {@link SettingsError} where the protocol has no probe
 */
export function requireProbe({ name, descriptor }: Protocol): void {
  if (descriptor.probe) return;
  throw new SettingsError(`PROTOCOL_FILE: expected a protocol with a "probe", got "${name}" without one`);
}
