/** Faults of pages and servers. The title of each test is the sentence that it must fail with. */
import { type Page, test } from "@playwright/test";
import {
  chat,
  dropConnection,
  expect,
  expectReconnect,
  frames,
  passThrough,
  server,
} from "k6-realtime/playwright";

test.fail();

/** For what has no fault: a busy machine may take its time. */
const PATIENT = { timeout: 60_000 };

const room = () => `room-${test.info().testId}`;
const rows = (page: Page) => page.getByTestId("message-list").locator("li");

async function open(page: Page, query = ""): Promise<void> {
  await page.goto(`/chat?room=${room()}${query}`);
  await expect(page.getByTestId("connected-indicator")).toBeVisible(PATIENT);
}

/** A page that has got two messages. */
async function withTwo(page: Page, query = "") {
  const played = await server(page, chat);
  await open(page, query);
  for (const text of ["one", "two"]) played.deliver({ text });
  return played;
}

test("The page opened no new connection within 1s of the drop: it does not reconnect.", async ({ page }) => {
  await passThrough(page, chat);
  await open(page, "&stay=1");
  await dropConnection(page);
  await expectReconnect(page, { within: "1s" });
});

test('Message 1 ("one") came once, but the page shows it twice.', async ({ page }) => {
  const { frames } = await withTwo(page, "&twice=1");
  await expect(rows(page)).toHaveCount(4, PATIENT);
  await expect(frames).toKeepOrder({ shownIn: rows(page) });
});

test('The page shows message 2 ("two") before message 1 ("one"), which came first.', async ({ page }) => {
  const { frames } = await withTwo(page, "&reverse=1");
  await expect(rows(page)).toHaveCount(2, PATIENT);
  await expect(frames).toKeepOrder({ shownIn: rows(page) });
});

test('The page does not show message 1 ("one").', async ({ page }) => {
  const { frames } = await withTwo(page, "&wait=600000");
  await expect(frames).toKeepOrder({ shownIn: rows(page) });
});

test('Message 1 of "server" was delivered to the page after message 2.', async ({ page }) => {
  const played = await server(page, chat);
  await open(page);
  played.reverseNext(2);
  played.deliver({ text: "one" });
  played.deliver({ text: "two" });
  await expect(played.frames).toKeepOrder();
});

test('Message 1 of "server" was delivered to the page twice.', async ({ page }) => {
  const played = await server(page, chat);
  await open(page);
  for (const text of ["one", "two"]) played.deliver({ text }, { seq: 1 });
  await expect(played.frames).toKeepOrder();
});

test("Nothing was delivered to the page, so there is no order.", async ({ page }) => {
  const wire = frames(page, chat);
  await open(page);
  await expect(wire).toKeepOrder();
});

test('Of 2 deliveries none has {"text":"three"}. The nearest has text "two".', async ({ page }) => {
  const { frames } = await withTwo(page);
  await expect(frames).toHaveDelivery({ text: "three" });
});

test('The page sent no probe, so the reply "echo" cannot come. Until then: sent session (1), received session (1).', async ({
  page,
}) => {
  const wire = frames(page, chat);
  await open(page);
  await expect(wire).toHaveReply("echo");
});

test('toHaveReply: the descriptor has the replies echo, got "ecko".', async ({ page }) => {
  await expect(frames(page, chat)).toHaveReply("ecko");
});

test("The page opened no WebSocket connection: was frames(page, …) called before the page opened it?", async ({
  page,
}) => {
  await open(page);
  await expect(frames(page, chat)).toHaveDelivery({ text: "one" });
});

test("The page has no open connection to drop.", async ({ page }) => {
  await passThrough(page, chat);
  await dropConnection(page);
});

test("Expected server(page, …) or passThrough(page, …) before the page was opened, got neither.", async ({
  page,
}) => {
  await open(page);
  await dropConnection(page);
});

test('within: expected milliseconds or a duration such as "2s", got "soon"', async ({ page }) => {
  await passThrough(page, chat);
  await open(page);
  await dropConnection(page);
  await expectReconnect(page, { within: "soon" });
});

test("The page opened a new connection, but did not send what the session begins with (session[1])", async ({
  page,
}) => {
  const stricter = { ...chat, session: [...chat.session!, { send: '{"type":"hello"}' }] };
  await passThrough(page, stricter);
  await open(page);
  await dropConnection(page);
  await expectReconnect(page, { within: "8s" });
});
