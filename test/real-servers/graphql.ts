import { EventEmitter, on, once } from "node:events";
import type { AddressInfo } from "node:net";
import { buildSchema, GraphQLError } from "graphql";
import { type Message, MessageType } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import type { Cleanup } from "../k6/run.ts";

/** What a graphql-ws server did: the messages that came and those that it wrote, by type, and what they were of. */
export interface GraphqlCounts {
  readonly came: Record<string, number>;
  readonly wrote: Record<string, number>;
  echoes: number;
  /** Echoes that it answered with an error. */
  noes: number;
  published: number;
  /** Subscriptions to a room. */
  subscribed: number;
  /** Messages that it wrote to subscribers. */
  delivered: number;
}

const schema = buildSchema(`
  input MessageInput { room: String!, id: String!, seq: Int!, sentAt: Float!, text: String! }
  type Message { room: String!, id: String!, seq: Int!, sentAt: Float!, text: String! }
  type Query { echo(text: String!): String }
  type Mutation { publish(message: MessageInput!): Boolean! }
  type Subscription { message(room: String!): Message! }
`);

/** Rooms and an echo behind graphql-ws, for clients whose token is `test-token`. Every nth echo fails. */
export async function graphqlServer(
  t: Cleanup,
  { noEvery = Number.POSITIVE_INFINITY, initWithinMs = 30_000 } = {},
) {
  const seen: GraphqlCounts = {
    ...{ came: {}, wrote: {} },
    ...{ echoes: 0, noes: 0, published: 0, subscribed: 0, delivered: 0 },
  };
  const rooms = new EventEmitter().setMaxListeners(0);
  const roots = {
    echo({ text }: { text: string }) {
      seen.echoes++;
      if (seen.echoes % noEvery !== 0) return text;
      seen.noes++;
      throw new GraphQLError('no "echo" today');
    },
    publish({ message }: { message: { room: string } }) {
      seen.published++;
      rooms.emit(message.room, message);
      return true;
    },
    async *message({ room }: { room: string }) {
      seen.subscribed++;
      for await (const [message] of on(rooms, room)) yield { message };
    },
  };
  const sockets = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: () => "graphql-transport-ws",
  });
  useServer(
    {
      schema,
      connectionInitWaitTimeout: initWithinMs,
      roots: { query: roots, mutation: roots, subscription: roots },
      onConnect: ({ connectionParams }) => connectionParams?.token === "test-token",
    },
    sockets,
  );
  sockets.on("connection", (socket) => {
    const count = (of: Record<string, number>, { type }: Message) => {
      of[type] = (of[type] ?? 0) + 1;
    };
    socket.on("message", (data) => count(seen.came, JSON.parse(String(data))));
    const { send } = socket;
    socket.send = (...args: unknown[]) => {
      const message: Message = JSON.parse(String(args[0]));
      count(seen.wrote, message);
      if (message.type === MessageType.Next && message.id === "room") seen.delivered++;
      Reflect.apply(send, socket, args);
    };
  });
  await once(sockets, "listening");
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });
  return { url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`, seen };
}
