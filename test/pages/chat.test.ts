/** The reference server's chat page in a real browser: what people see, and its faults. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { startServer } from "../../server/server.ts";
import { withBrowser } from "../browser.ts";
import { Client } from "../server/client.ts";

const server = await startServer();
after(() => server.close());

const address = (query = "") => `${server.httpUrl}/chat?room=42${query}`;
const rows = (page: Page) => page.getByTestId("message-list").locator("li");

async function say(page: Page, text: string): Promise<void> {
  await page.getByTestId("message-input").fill(text);
  await page.getByTestId("send-button").click();
}

/** A page whose connection is there. */
async function opened(page: Page, query?: string): Promise<Page> {
  await page.goto(address(query));
  await page.getByTestId("connected-indicator").waitFor();
  return page;
}

test("two pages show each other's messages, and count those of others", async (t) => {
  await withBrowser(t, async (browser) => {
    const [ann, bob] = [await opened(await browser.newPage()), await opened(await browser.newPage())];
    await say(ann, "<img src=x>");
    await say(ann, "two");
    for (const page of [ann, bob]) {
      await rows(page).nth(1).waitFor();
      const [first, second] = await rows(page).allTextContents();
      assert.match(first!, /<img src=x>$/, "what people write is text");
      assert.match(second!, /two$/);
    }
    await bob.getByTestId("notification-badge").getByText("2").waitFor();
    assert.equal(await ann.getByTestId("notification-badge").isVisible(), false);
    await bob.getByTestId("notification-badge").click();
    assert.equal(await bob.getByTestId("notification-badge").isVisible(), false);
  });
});

test("a dropped page says so, comes back, and shows what it missed", async (t) => {
  await withBrowser(t, async (browser) => {
    const page = await opened(await browser.newPage());
    await say(page, "before");
    await rows(page).getByText("before").waitFor();
    server.faults.set({ refuseUpgrades: {}, resetConnections: { count: 1 } });
    await page.getByTestId("reconnecting-banner").getByText("reconnecting").waitFor();
    assert.equal(await page.getByTestId("connected-indicator").isVisible(), false);
    server.faults.clear();
    const client = await Client.connect(`${server.url}/ws/chat`);
    client.send({ type: "publish", room: "42", text: "meanwhile" });
    await page.getByTestId("connected-indicator").waitFor();
    await rows(page).getByText("meanwhile").waitFor();
    assert.equal(await page.getByTestId("reconnecting-banner").isVisible(), false);
    client.ws.close();
  });
});

const faults: [sentence: string, query: string, shown: RegExp[]][] = [
  ["in the order they came", "", [/one$/, /two$/]],
  ["twice", "&twice=1", [/one$/, /one$/, /two$/, /two$/]],
  ["newest first", "&reverse=1", [/two$/, /one$/]],
];
for (const [sentence, query, shown] of faults) {
  test(`a page can show messages ${sentence}`, async (t) => {
    await withBrowser(t, async (browser) => {
      const page = await opened(await browser.newPage(), query);
      await say(page, "one");
      await rows(page).first().waitFor();
      await say(page, "two");
      await rows(page)
        .nth(shown.length - 1)
        .waitFor();
      const texts = await rows(page).allTextContents();
      assert.equal(texts.length, shown.length);
      for (const [i, text] of texts.entries()) assert.match(text, shown[i]!);
    });
  });
}

test("a page that stays away says so and opens no connection", async (t) => {
  await withBrowser(t, async (browser) => {
    const page = await browser.newPage();
    await page.clock.install();
    await opened(page, "&stay=1");
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    server.faults.set({ closeConnections: { code: 1012, reason: "restart" } });
    await page.getByTestId("reconnecting-banner").getByText("Connection lost.").waitFor();
    server.faults.clear();
    await page.clock.runFor(60_000);
    assert.deepEqual(sockets, []);
  });
});

test("a slow page shows a message no sooner than its faults let it", async (t) => {
  await withBrowser(t, async (browser) => {
    const page = await opened(await browser.newPage(), "&work=20&wait=30");
    const tookMs = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          // biome-ignore lint/suspicious/noExplicitAny: the types of a page are not those of Node.js
          const { document, MutationObserver, performance } = globalThis as any;
          const start = performance.now();
          new MutationObserver(() => resolve(performance.now() - start)).observe(
            document.querySelector("#messages"),
            { childList: true },
          );
        }),
    );
    await say(page, "slow");
    assert.ok((await tookMs) >= 50);
  });
});
