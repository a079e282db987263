/** What the fixtures see and do in a real browser, beyond the examples. */
import { type Page, test } from "@playwright/test";
import {
  chat,
  type Descriptor,
  dropConnection,
  expect,
  expectReconnect,
  frames,
  passThrough,
  server,
} from "k6-realtime/playwright";

/** What of a page is used below: its types are not those of Node.js. */
interface Socket {
  binaryType: string;
  onopen: () => void;
  onmessage: (event: { data: unknown }) => void;
  onclose: (event: { code: number; wasClean: boolean }) => void;
  send(data: unknown): void;
}
type Browser = { WebSocket: new (url: string) => Socket };

/** Connects from the page, sends, and gives the first message that comes: text, or bytes as a list. */
const ask = (page: Page, url: string, message: string | number[]) =>
  page.evaluate(
    ([url, message]) =>
      new Promise<unknown>((resolve) => {
        const socket = new (globalThis as unknown as Browser).WebSocket(url as string);
        socket.binaryType = "arraybuffer";
        socket.onopen = () =>
          socket.send(typeof message === "string" ? message : new Uint8Array(message as number[]));
        socket.onmessage = ({ data }) =>
          resolve(typeof data === "string" ? data : [...new Uint8Array(data as ArrayBuffer)]);
      }),
    [url, message] as const,
  );

test("a reply of the real server is paired with the page's probe", async ({ page, baseURL }) => {
  const wire = frames(page, chat);
  await page.goto("/chat/chat.css"); // a page that opens no connection by itself
  const url = `${baseURL!.replace("http", "ws")}/ws/chat?token=test-token`;
  await ask(page, url, '{"type":"echo","echoId":"7"}');
  await expect(wire).toHaveReply("echo");
  await expect(wire).not.toHaveDelivery();
  expect(wire.received[0]?.answers?.values).toEqual({ id: "7" });
});

test("a codec's messages are read and played", async ({ page }) => {
  const packed: Descriptor = {
    name: "packed",
    codec: "msgpack",
    probe: { send: '{"ask":${id}}', id: "number" },
    reply: [{ name: "told", where: { "/ok": true }, match: "id", id: "/ask" }],
  };
  const { frames } = await server(page, packed);
  await page.goto("/chat/chat.css");
  // {"ask":7}, then {"ok":true,"ask":7}
  const told = await ask(page, "ws://played.test/", [0x81, 0xa3, 0x61, 0x73, 0x6b, 0x07]);
  expect(told).toEqual([0x82, 0xa2, 0x6f, 0x6b, 0xc3, 0xa3, 0x61, 0x73, 0x6b, 0x07]);
  await expect(frames).toHaveReply("told");
});

test("a dropped connection ends as on a network that fails", async ({ page, baseURL }) => {
  await passThrough(page, chat);
  await page.goto("/chat/chat.css");
  const url = `${baseURL!.replace("http", "ws")}/ws/chat?token=test-token`;
  const opened = page.waitForEvent("websocket");
  const ended = page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new (globalThis as unknown as Browser).WebSocket(url);
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
      }),
    url,
  );
  await opened;
  await dropConnection(page);
  expect(await ended).toEqual({ code: 1006, wasClean: false });
});

test("a page that the played server answers with an error and lets go", async ({ page }) => {
  const played = await server(page, chat);
  await page.goto("/chat");
  await expect(page.getByTestId("connected-indicator")).toBeVisible();
  played.failNext("overloaded");
  await page.getByTestId("message-input").fill("Hello");
  await page.getByTestId("send-button").click();
  await expect.poll(() => played.frames.received.at(-1)?.kind).toBe("error");
  await expect(page.getByTestId("error-banner")).toBeVisible();
  await played.dropConnection();
  await expectReconnect(page, { within: "10s" });
});
