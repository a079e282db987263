/**
 * Formats other than text, to be given to {@link useCodec} before a descriptor that names them is read:
 * `import … from "k6-realtime/codecs"`.
 */

export { cbor } from "../protocols/codecs/cbor.ts";
export {
  type Codec,
  CodecError,
  type CodecName,
  type CodecOptions,
  useCodec,
} from "../protocols/codecs/codec.ts";
export { mqtt } from "../protocols/codecs/mqtt.ts";
export { msgpack } from "../protocols/codecs/msgpack.ts";
export { protobuf } from "../protocols/codecs/protobuf.ts";
