import { cbor } from "./cbor.ts";
import { useCodec } from "./codec.ts";
import { mqtt } from "./mqtt.ts";
import { msgpack } from "./msgpack.ts";
import { protobuf } from "./protobuf.ts";

/** Loads every codec, for programs in which none is too large. */
export function useAllCodecs(): void {
  useCodec("msgpack", msgpack);
  useCodec("cbor", cbor);
  useCodec("protobuf", protobuf);
  useCodec("mqtt", mqtt);
}
