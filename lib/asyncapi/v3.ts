/** AsyncAPI 3.x. There operations stand beside the channels, and say what answers them. */
import { keyOf, type Located } from "./files.ts";
import type { AsyncApiDocument, Channel, Message, Operation, Server } from "./model.ts";
import { refuse } from "./problem.ts";
import { type Reading, required, text } from "./reading.ts";
import { isRemote } from "./v2.ts";

type Parts = Pick<AsyncApiDocument, "servers" | "channels" | "operations">;

/** A channel, and where it stands: that is how operations name it. */
interface Placed {
  readonly channel: Channel;
  readonly at: Located;
}

export function readVersion3(reading: Reading, root: Located): Parts {
  const { files } = reading;
  const placed = files.fields(files.field(root, "servers"));
  const servers = placed.map(([name, at]) => readServer(reading, root, name, at));
  const serverAt = new Map(placed.map(([name, at]) => [placeOf(at), name]));
  const channels = files
    .fields(files.field(root, "channels"))
    .map(([name, at]): Placed => ({ channel: readChannel(reading, name, at, serverAt), at }));
  const operations = files
    .fields(files.field(root, "operations"))
    .map(([name, at]) => readOperation(reading, name, at, channels));
  return { servers, channels: channels.map(({ channel }) => channel), operations };
}

function readServer(reading: Reading, root: Located, name: string, at: Located): Server {
  const { files } = reading;
  const pathname = text(files, at, "pathname") ?? "";
  return {
    name,
    protocol: required(files, at, "protocol").toLowerCase(),
    host: required(files, at, "host").replace(/^[\w+.-]+:\/\//, ""),
    pathname: pathname.replace(/^(?=[^/])/, "/").replace(/\/$/, ""),
    variables: reading.parameters(files.field(at, "variables"), (variable) => variable),
    security: files.items(files.field(at, "security")).map((scheme) => reading.security(scheme)),
    isRemote: isRemote(root, name),
  };
}

function readChannel(
  reading: Reading,
  name: string,
  at: Located,
  serverAt: ReadonlyMap<string, string>,
): Channel {
  const { files } = reading;
  const address = files.field(at, "address");
  if (address !== undefined && address.value !== null && typeof address.value !== "string") {
    return refuse(address, "a text or null", address.value);
  }
  const listed = files.field(at, "servers");
  return {
    name,
    ...(typeof address?.value === "string" && { address: address.value }),
    parameters: reading.parameters(files.field(at, "parameters"), (parameter) => parameter),
    servers: listed
      ? files.items(listed).map((one) => serverAt.get(placeOf(one)) ?? keyOf(one))
      : [...serverAt.values()],
    messages: files.fields(files.field(at, "messages")).map(([key, one]) => reading.message(one, key)),
    ws: reading.ws(at),
  };
}

function readOperation(reading: Reading, name: string, at: Located, channels: readonly Placed[]): Operation {
  const { files } = reading;
  const action = required(files, at, "action");
  if (action !== "send" && action !== "receive")
    return refuse(at, 'an "action": "send" or "receive"', action);
  const own = files.field(at, "channel") ?? refuse(at, 'an object with "channel"', at.value);
  const channel = channelAt(own, channels);
  const reply = files.field(at, "reply");
  return {
    name,
    action,
    channel: channel.name,
    messages: messagesOf(reading, at, channel),
    ...(reply && { reply: repliesOf(reading, reply, channels) }),
  };
}

function repliesOf(reading: Reading, reply: Located, channels: readonly Placed[]): readonly Message[] {
  const at = reading.files.field(reply, "channel");
  return messagesOf(reading, reply, at && channelAt(at, channels));
}

/** The messages that the operation lists, otherwise all of its channel. */
function messagesOf(reading: Reading, of: Located, channel: Channel | undefined): readonly Message[] {
  const listed = reading.files.field(of, "messages");
  if (listed === undefined) return channel?.messages ?? [];
  return reading.files.items(listed).map((one) => reading.message(one, keyOf(one)));
}

const placeOf = ({ file, pointer }: Located): string => `${file}#${pointer}`;

function channelAt(at: Located, channels: readonly Placed[]): Channel {
  const found = channels.find((one) => placeOf(one.at) === placeOf(at));
  return found?.channel ?? refuse(at, "a channel of the document's own", at.value);
}
