import { randomUUID } from "node:crypto";
import * as v from "valibot";
import type { Endpoint } from "./endpoint.ts";
import { encodeFrame } from "./frame.ts";

const PATH = /^\/pinter\/imserver\/([^/]+)$/;

const MessageSchema = v.variant("type", [
  v.object({ type: v.literal("match"), from: v.string(), to: v.literal("system") }),
  v.object({ type: v.literal("normal"), from: v.string(), to: v.string(), msg: v.string() }),
]);

const TEACHER_SAYS = "同学,你好,非常高兴为你服务,有什么需要我帮忙的呢?";

/**
 * `/pinter/imserver/{userId}`: a customer-service chat. A user is matched with a teacher; each message to the teacher
 * gets a receipt and then the teacher's reply. Replies carry the server's own identifiers, never the client's.
 */
export const im: Endpoint = {
  path: PATH,
  allows: (user, url) => userOf(url) === user,
  open({ replies, teacherDelayMs }, connection) {
    let teacher: string | undefined;
    const answer = replies.inOrder(connection);
    const fromTeacher = replies.inOrder(connection);

    return {
      message(data, isBinary, receivedAtMs) {
        const message = isBinary ? undefined : parseMessage(data);
        if (!message) {
          answer({
            name: "receipt",
            frame: frame("1", "system", "", "receipt", "消息格式错误"),
            receivedAtMs,
          });
        } else if (message.type === "match") {
          teacher ??= `${randomUUID().replaceAll("-", "")}__mtx`;
          answer({
            name: "match",
            frame: frame("0", "system", message.from, "match", teacher),
            receivedAtMs,
          });
        } else {
          const { from, to, msg } = message;
          const problem = msg === "" ? "消息内容为空" : to !== teacher ? "接收者不存在" : undefined;
          const receipt = frame(problem ? "1" : "0", "system", from, "receipt", problem ?? "push success");
          const receiptDueMs = answer({ name: "receipt", frame: receipt, receivedAtMs });
          if (problem) return;
          const reply = frame("0", to, from, "normal", TEACHER_SAYS);
          fromTeacher({
            name: "teacher",
            frame: reply,
            receivedAtMs,
            fromMs: receiptDueMs + teacherDelayMs(),
          });
        }
      },
    };
  },
};

function userOf(url: URL): string | undefined {
  try {
    return decodeURIComponent(url.pathname.match(PATH)?.[1] ?? "");
  } catch {
    return undefined; // a stray percent sign
  }
}

function frame(code: "0" | "1", from: string, to: string, type: string, msg: string): Buffer {
  const timestamp = String(Date.now());
  return encodeFrame(JSON.stringify({ code, from, msg, msgId: randomUUID(), timestamp, to, type }));
}

function parseMessage(data: Buffer): v.InferOutput<typeof MessageSchema> | undefined {
  try {
    const result = v.safeParse(MessageSchema, JSON.parse(data.toString()));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
