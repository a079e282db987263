/** One question to InfluxDB, of either version, by HTTP. */
import { UserError } from "../command.ts";
import { printable } from "../try/safe-text.ts";

interface Question {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | URLSearchParams;
  /** What the answer's content type has in it. */
  readonly answers: "json" | "csv";
  /** What to say of HTTP 401. Default: InfluxDB's own words. */
  readonly unauthorized?: string;
}

/**
 * Asks, and returns the text of an answer that is InfluxDB's. No redirect is followed: whoever sends us elsewhere is a
 * proxy that wants a login, and its page must not pass for "nothing is stored".
 *
 * @throws {@link UserError} saying what answered instead; of InfluxDB's own refusals, its words
 */
export async function ask({ url, headers, body, answers, unauthorized }: Question): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers,
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(60_000),
  }).catch((error) => {
    throw failed(`${error.cause?.message || error.cause?.code || error.message}, at ${new URL(url).origin}`);
  });
  const { status } = response;
  const type = response.headers.get("content-type") ?? "";
  if (status >= 300 && status < 400) {
    throw failed(
      `HTTP ${status}, a redirect to ${target(response, url)}, which is not followed: give the address at which InfluxDB itself answers`,
    );
  }
  const text = await response.text().catch((error) => {
    throw failed(error.message);
  });
  if (status === 401 && unauthorized) throw failed(unauthorized);
  if (status >= 400) throw failed(reasonIn(text) ?? `HTTP ${status}`);
  if (status !== 200 || !type.includes(answers)) {
    throw failed(
      `HTTP ${status} with ${type.slice(0, 100) || "no content type"}, where InfluxDB answers ${answers.toUpperCase()}: that is not InfluxDB`,
    );
  }
  return text;
}

export const failed = (why: string): UserError => new UserError(printable(`reading from InfluxDB: ${why}`));

/** The target of a redirect, without its query, which may carry a secret. */
function target(response: Response, url: string): string {
  const to = response.headers.get("location") ?? "";
  if (!URL.canParse(to, url)) return "nowhere";
  const { origin, pathname } = new URL(to, url);
  return `${origin}${pathname}`.slice(0, 200);
}

/** What the server says: InfluxDB 1 calls it error, InfluxDB 2 message. */
function reasonIn(text: string): string | undefined {
  try {
    const { error, message } = JSON.parse(text);
    const said = message ?? error;
    return typeof said === "string" ? said.slice(0, 200) : undefined;
  } catch {
    return undefined; // a proxy's page
  }
}
