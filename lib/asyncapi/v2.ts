/** AsyncAPI 2.x. There a channel says what others publish to the application, and what they subscribe to. */
import { isFields, keyOf, type Located } from "./files.ts";
import type { AsyncApiDocument, Channel, Message, Operation, Server } from "./model.ts";
import { refuse } from "./problem.ts";
import { names, type Reading, required, text } from "./reading.ts";

type Parts = Pick<AsyncApiDocument, "servers" | "channels" | "operations">;

/** What the application does when others do that. */
const ACTIONS = { publish: "receive", subscribe: "send" } as const;

export function readVersion2(reading: Reading, root: Located): Parts {
  const { files } = reading;
  const servers = files
    .fields(files.field(root, "servers"))
    .map(([name, at]) => readServer(reading, root, name, at));
  const channels: Channel[] = [];
  const operations: Operation[] = [];
  for (const [address, at] of files.fields(files.field(root, "channels"))) {
    const own = readOperations(reading, address, at);
    operations.push(...own);
    const listed = files.field(at, "servers");
    channels.push({
      name: address,
      address,
      parameters: reading.parameters(files.field(at, "parameters"), (parameter) =>
        files.field(parameter, "schema"),
      ),
      servers: listed ? names(listed.value) : servers.map(({ name }) => name),
      messages: [...new Set(own.flatMap(({ messages }) => messages))],
      ws: reading.ws(at),
    });
  }
  return { servers, channels, operations };
}

function readServer(reading: Reading, root: Located, name: string, at: Located): Server {
  const { files } = reading;
  const url = required(files, at, "url");
  const [, scheme, host = "", pathname = ""] = /^(?:([\w+.-]+):\/\/)?([^/?#]*)([^?#]*)/.exec(url)!;
  const schemes = new Map(
    files.fields(sectionOf(reading, root, "securitySchemes")).map(([key, scheme]) => [key, scheme]),
  );
  const security = files.items(files.field(at, "security")).flatMap((requirement) => {
    if (!isFields(requirement.value)) return refuse(requirement, "an object", requirement.value);
    return Object.keys(requirement.value).map((key) => {
      const found = schemes.get(key);
      return found ? reading.security(found) : refuse(requirement, "names of security schemes", key);
    });
  });
  return {
    name,
    protocol: (scheme ?? required(files, at, "protocol")).toLowerCase(),
    host,
    pathname: pathname.replace(/\/$/, ""),
    variables: reading.parameters(files.field(at, "variables"), (variable) => variable),
    security,
    isRemote: isRemote(root, name),
  };
}

function readOperations(reading: Reading, address: string, channel: Located): Operation[] {
  const { files } = reading;
  return (["publish", "subscribe"] as const).flatMap((kind) => {
    const at = files.field(channel, kind);
    if (at === undefined) return [];
    const name = text(files, at, "operationId") ?? `${kind} ${address}`;
    const message = files.field(at, "message");
    const each = message && files.field(message, "oneOf");
    const all = each ? files.items(each) : message ? [message] : [];
    // One that stands in the operation has no key of its own.
    const nameOf = (one: Located) =>
      /^\/components\/messages\/[^/]+$|^\/[^/]+$/.test(one.pointer)
        ? keyOf(one)
        : (text(files, at, "operationId") ?? (address.replace(/^\/|\/$/g, "") || kind));
    const messages = all.map((one): Message => reading.message(one, nameOf(one)));
    return [{ name, action: ACTIONS[kind], channel: address, messages }];
  });
}

/** A part of `components`. */
function sectionOf({ files }: Reading, root: Located, name: string): Located | undefined {
  const components = files.field(root, "components");
  return components && files.field(components, name);
}

/** Whether the application is a client of that server, as Glee's extension says. */
export const isRemote = (root: Located, name: string): boolean =>
  isFields(root.value) && names(root.value["x-remoteServers"]).includes(name);
