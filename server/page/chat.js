/** The reference server's chat as a page, with faults of its own to switch on. docs/reference/server.md describes it. */

/**
 * Each fault with its default, which is none. The page's address sets them (`?work=50`), and so does its form.
 *
 * @type {Record<string, { label: string, value: number | boolean }>}
 */
const FAULTS = {
  busy: { label: "Busy again and again, ms at a stretch", value: 0 },
  work: { label: "Busy before a message is shown, ms", value: 0 },
  wait: { label: "Timer before a message is shown, ms", value: 0 },
  paint: { label: "Busy before the next frame, ms", value: 0 },
  stay: { label: "Never reconnect", value: false },
  twice: { label: "Show each message twice", value: false },
  reverse: { label: "Show the newest message first", value: false },
};

/** How many messages stay in the list. */
const SHOWN = 200;
/** The first wait before a reconnect, in milliseconds. It doubles with each attempt in a row, up to the last. */
const BACKOFF_MS = { first: 250, last: 5_000 };

const address = new URL(location.href);
const room = address.searchParams.get("room") || "lobby";
const token = address.searchParams.get("token") || "test-token";

/** @type {<E extends HTMLElement = HTMLElement>(id: string) => E} */
const byId = (id) => /** @type {any} */ (document.getElementById(id));
const messages = byId("messages");

/** @type {WebSocket | undefined} */
let socket;
let attempt = 0;
let unread = 0;
/** This connection's name in the room. */
let memberId = "";
/** The number of the last message that came, from which a reconnected page goes on. @type {number | undefined} */
let lastSeq;

function connect() {
  const url = new URL("/ws/chat", address);
  url.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("token", token);
  const ws = new WebSocket(url);
  socket = ws;
  ws.onopen = () => send({ type: "subscribe", room });
  ws.onmessage = ({ data }) => received(JSON.parse(data));
  ws.onclose = () => lost();
}

/** @param {object} message */
function send(message) {
  socket?.send(JSON.stringify(message));
}

/** @param {Record<string, any>} message */
function received(message) {
  if (message.type === "subscribed") return joined(message.memberId);
  if (message.type === "error") return show("error", message.detail);
  if (message.type !== "message") return;
  if (Number.isSafeInteger(message.seq)) lastSeq = message.seq;
  block(Number(FAULTS.work?.value));
  const waitMs = Number(FAULTS.wait?.value);
  if (waitMs > 0) setTimeout(showMessage, waitMs, message);
  else showMessage(message);
}

/** @param {string} member */
function joined(member) {
  memberId = member;
  attempt = 0;
  show("connected");
  hide("banner");
  hide("error");
  if (lastSeq !== undefined) send({ type: "resume", room, after: lastSeq });
}

function lost() {
  hide("connected");
  if (FAULTS.stay?.value) return show("banner", "Connection lost.");
  show("banner", "Connection lost, reconnecting …");
  setTimeout(connect, Math.min(BACKOFF_MS.first * 2 ** attempt, BACKOFF_MS.last));
  attempt++;
}

/** @param {Record<string, any>} message */
function showMessage(message) {
  for (let i = 0; i < (FAULTS.twice?.value ? 2 : 1); i++) {
    const row = document.createElement("li");
    const author = document.createElement("b");
    author.textContent = String(message.publisher);
    row.append(author, String(message.text ?? message.payload ?? ""));
    if (FAULTS.reverse?.value) messages.prepend(row);
    else messages.append(row);
    while (messages.childElementCount > SHOWN) {
      (FAULTS.reverse?.value ? messages.lastElementChild : messages.firstElementChild)?.remove();
    }
    row.scrollIntoView({ block: "nearest" });
  }
  if (message.publisher !== memberId) notify(unread + 1);
  const paintMs = Number(FAULTS.paint?.value);
  if (paintMs > 0) requestAnimationFrame(() => block(paintMs));
}

/** Between two stretches of being busy: enough for what came meanwhile to be shown. */
const FRAMES_BETWEEN = 3;
let isBusy = false;

/** Busy as long as the fault says so: a message that comes meanwhile waits for its handler. */
function keepBusy() {
  const busyMs = Number(FAULTS.busy?.value);
  if (isBusy || busyMs === 0) return;
  isBusy = true;
  block(busyMs);
  afterFrames(FRAMES_BETWEEN, () => {
    isBusy = false;
    keepBusy();
  });
}

/** @param {number} count @param {() => void} then */
function afterFrames(count, then) {
  if (count > 0) requestAnimationFrame(() => afterFrames(count - 1, then));
  else setTimeout(then);
}

/** Does nothing else for a while. @param {number} durationMs */
function block(durationMs) {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

/** @param {number} count */
function notify(count) {
  unread = count;
  if (unread > 0) show("badge", String(unread));
  else hide("badge");
}

/** @param {string} id @param {string} [text] */
function show(id, text) {
  if (text !== undefined) byId(id).textContent = text;
  byId(id).hidden = false;
}

/** @param {string} id */
function hide(id) {
  byId(id).hidden = true;
}

/** A field for each fault; those of the address are on from the start. */
function offerFaults() {
  for (const [name, fault] of Object.entries(FAULTS)) {
    const given = address.searchParams.get(name);
    const input = document.createElement("input");
    input.id = `fault-${name}`;
    if (typeof fault.value === "boolean") {
      input.type = "checkbox";
      input.checked = fault.value = given !== null && given !== "0" && given !== "false";
    } else {
      input.type = "number";
      input.min = "0";
      fault.value = Math.max(0, Number(given) || 0);
      input.value = String(fault.value);
    }
    input.oninput = () => {
      fault.value = input.type === "checkbox" ? input.checked : Math.max(0, Number(input.value) || 0);
      keepBusy();
    };
    const label = document.createElement("label");
    label.htmlFor = input.id;
    label.textContent = fault.label;
    byId("faults").append(label, input);
  }
}

byId("room").textContent = room;
byId("badge").onclick = () => notify(0);
byId("form").onsubmit = (event) => {
  event.preventDefault();
  const input = byId("input");
  const text = /** @type {HTMLInputElement} */ (input).value;
  if (text === "" || socket?.readyState !== WebSocket.OPEN) return;
  send({ type: "publish", room, text });
  /** @type {HTMLInputElement} */ (input).value = "";
};
byId("faults").onsubmit = (event) => event.preventDefault();
offerFaults();
connect();
keepBusy();
