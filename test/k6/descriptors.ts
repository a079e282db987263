/** Protocols that a server does not keep to. */

/** A probe that the chat does not know, so that each is answered with an error. */
export const WRONG_PROBE = {
  name: "wrong-probe",
  probe: { send: '{"type":"speak","echoId":${id}}' },
  reply: [{ name: "spoken", where: { "/type": "spoken" }, match: "id", id: "/echoId" }],
  error: { where: { "/type": "error" }, reason: "/reason", settles: "id" },
};

/** A session that never becomes ready. */
export const NO_WELCOME = {
  name: "no-welcome",
  session: [{ send: "hello", await: { text: "welcome" }, within: "200ms" }],
};

/** {@link NO_WELCOME} with probes, which therefore never leave. */
export const NO_WELCOME_TO_PROBES = {
  ...NO_WELCOME,
  probe: { send: "${id}" },
  reply: [{ name: "r", match: "whole" }],
};

/** A session that has neither become ready nor failed when a short run ends. */
export const NO_WELCOME_YET = {
  ...NO_WELCOME_TO_PROBES,
  session: [{ send: "hello", await: { text: "welcome" }, within: "1m" }],
};
