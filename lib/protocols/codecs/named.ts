import { CODEC_NAMES, type CodecName } from "./codec.ts";

/** The codecs that a descriptor names, whatever else is wrong with it. */
export function codecsNamed(descriptor: unknown): CodecName[] {
  const { session } = fields(descriptor);
  const parts = [descriptor, ...(Array.isArray(session) ? session : [])];
  const named = parts.map((part) => {
    const { codec } = fields(part);
    return typeof codec === "string" ? codec : fields(codec).name;
  });
  return CODEC_NAMES.filter((name) => named.includes(name));
}

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
