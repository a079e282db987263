/** The five questions of `k6-realtime init`, and what counts as an answer. Pure. */

import { isEndpoint } from "../../lib/setting.ts";
import { SETTINGS } from "../../lib/settings.ts";
import { shapeOfUrl } from "../../lib/shape.ts";
import { closest } from "../command.ts";

/** Everything that the project is made from. */
export interface Answers {
  /** The directory of the project, as it was given. */
  readonly dir: string;
  readonly url: string;
  readonly protocol: string;
  readonly auth: string;
  readonly profile: string;
}

/** Whether the project tests the reference server, whose token has a default. */
export const isReference = ({ url }: Pick<Answers, "url">): boolean => url === SETTINGS.WS_URL.default;

export interface Question {
  /** The flag, too. */
  readonly name: keyof Answers;
  readonly asks: string;
  /** Without an answer. */
  readonly fallback: string;
  /** The answers there are; undefined for free text. */
  readonly choices?: readonly string[];
  /** The objection to an answer, as "expected …, got …"; undefined if there is none. */
  refuse(answer: string): string | undefined;
}

/** How a token may travel, or that there is none. */
const AUTHS = ["none", "header", "query", "cookie", "message"];

/** Query parameters whose name says that their value is a secret. */
const SECRET = /^(.*[-_])?(access|api|auth|key|pass(word)?|secret|sig(nature)?|ticket|token)(key)?$/i;

/**
 * @param protocols the names of the descriptors at hand
 * @param profiles the names of the profiles
 */
export function questionsFor(protocols: readonly string[], profiles: readonly string[]): Question[] {
  return [
    {
      name: "dir",
      asks: "Which folder shall hold the project?",
      fallback: "load-test",
      // A path goes into shell commands and YAML: what would need quotes there is not worth them.
      refuse: (answer) =>
        /^(?!-)[\w./-]+$/.test(answer)
          ? undefined
          : `expected a path of letters, digits and . _ - /, got ${JSON.stringify(answer)}`,
    },
    {
      name: "url",
      asks: "Which WebSocket endpoint shall be tested? The default is the reference server's.",
      fallback: SETTINGS.WS_URL.default,
      refuse: refuseUrl,
    },
    choice("protocol", "Which protocol is nearest to that of your server?", protocols, "chat"),
    choice("auth", "How does a token reach your server?", AUTHS, "header"),
    choice("profile", "Which limits fit? You can edit them later.", profiles, "chat"),
  ];
}

function choice(name: keyof Answers, asks: string, choices: readonly string[], fallback: string): Question {
  return {
    name,
    asks,
    fallback,
    choices,
    refuse(answer) {
      if (choices.includes(answer)) return undefined;
      const meant = closest(answer, choices);
      const hint = meant === undefined ? "" : `, did you mean ${meant}?`;
      return `expected one of ${choices.join(", ")}, got ${JSON.stringify(answer)}${hint}`;
    },
  };
}

/** A refusal never repeats the URL: it may carry a token. */
function refuseUrl(answer: string): string | undefined {
  if (!isEndpoint(answer)) return `expected ${SETTINGS.WS_URL.expects}, got ${shapeOfUrl(answer)}`;
  if (/['"`$\\!{}]/.test(answer))
    return "expected a URL without quotes, braces or any of $ \\ !, got one with them";
  const secret = [...new URL(answer).searchParams.keys()].find((key) => SECRET.test(key));
  return secret === undefined
    ? undefined
    : `expected a URL without a secret, since it is written into files, got one with "${secret}": give the token in WS_TOKEN, with --auth query`;
}
