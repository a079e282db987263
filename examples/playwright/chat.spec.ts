/** A chat page: what passes on its connection, and what people see of it. */
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

const list = (page: Page) => page.getByTestId("message-list");
const badge = (page: Page) => page.getByTestId("notification-badge");
const banner = (page: Page) => page.getByTestId("reconnecting-banner");

/** A room of its own for each test, since all share one server. */
const room = () => `room-${test.info().testId}`;

async function open(page: Page): Promise<void> {
  await page.goto(`/chat?room=${room()}`);
  await expect(page.getByTestId("connected-indicator")).toBeVisible();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId("message-input").fill(text);
  await page.getByTestId("send-button").click();
}

test("a message goes out as the protocol has it, comes back, and is shown", async ({ page }) => {
  const wire = frames(page, chat);
  await open(page);
  await say(page, "Hello room");
  await expect(wire).toHaveDelivery({ text: "Hello room", room: room() });
  await expect(list(page)).toContainText("Hello room");
  expect(wire.sent.at(-1)).toMatchObject({ kind: "publish", json: { type: "publish", text: "Hello room" } });
});

test("two people see each other's messages", async ({ browser }) => {
  const [ann, bob] = [await browser.newContext(), await browser.newContext()];
  const [annsPage, bobsPage] = [await ann.newPage(), await bob.newPage()];
  const bobsWire = frames(bobsPage, chat);
  await open(annsPage);
  await open(bobsPage);
  await say(annsPage, "Hello Bob");
  await expect(bobsWire).toHaveDelivery({ text: "Hello Bob" });
  await expect(list(bobsPage)).toContainText("Hello Bob");
  await say(bobsPage, "Hello Ann");
  await expect(list(annsPage)).toContainText("Hello Ann");
  await ann.close();
  await bob.close();
});

test("the badge counts what the server pushes", async ({ page }) => {
  const played = await server(page, chat);
  await open(page);
  played.deliver({ text: "New comment" });
  await expect(badge(page)).toHaveText("1");
  played.deliver({ text: "New like" });
  await expect(badge(page)).toHaveText("2");
});

test("a page whose connection drops says so, and comes back", async ({ page }) => {
  await passThrough(page, chat);
  await open(page);
  await dropConnection(page, { downFor: "500ms" });
  await expect(banner(page)).toBeVisible();
  await expectReconnect(page, { within: "10s" });
  await expect(banner(page)).toBeHidden();
});

test("messages are shown once each, in the order in which they came", async ({ page }) => {
  const wire = frames(page, chat);
  await open(page);
  for (const text of ["one", "two", "three"]) await say(page, text);
  await expect(wire).toHaveDelivery({ text: "three" });
  await expect(wire).toKeepOrder({ shownIn: list(page).locator("li") });
});
