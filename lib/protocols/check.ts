import { compilePattern } from "./pattern.ts";
import { describe, type Problem } from "./problem.ts";
import { publisherOf, subscriberOf } from "./publisher.ts";
import type { ConditionSpec, DeliverySpec, Descriptor, ErrorSpec, HttpSpec } from "./schema.ts";
import {
  parsePathTemplate,
  parsePlainTemplate,
  parseTemplate,
  type Template,
  TemplateError,
} from "./template.ts";
import { CONNECTION_VARIABLES, kindOf } from "./variables.ts";
import { hasWire, refusal, type Wire, type WireSpec, wireOf, wireProblems } from "./wire.ts";

/**
 * Checks the fields of a descriptor against one another. The regex beside a group must have that group, a variable
 * must have a value by then, a reply must have a probe to answer.
 *
 * @param columns variables of the users' file
 */
export function checkReferences(d: Descriptor, columns: readonly string[] = []): Problem[] {
  return d.publisher ? checkBoth(d, columns) : checkOne(d, columns);
}

/** Of both kinds of connections: what a publisher's session captures is its own. */
function checkBoth(d: Descriptor, columns: readonly string[]): Problem[] {
  const { publish, publisher = {} } = d;
  const subscribers = checkOne(subscriberOf(d), columns);
  const known = new Set(subscribers.map(({ path }) => path));
  const publishers = checkOne(publisherOf(d), columns).map((problem) => {
    const [field = ""] = /^\w+/.exec(problem.path) ?? [];
    return Object.hasOwn(publisher, field) ? { ...problem, path: `publisher.${problem.path}` } : problem;
  });
  const problems = [...subscribers, ...publishers.filter(({ path }) => !known.has(path))];
  if (!publish) {
    problems.push({ path: "publish", expected: 'one, since there is a "publisher"', got: "nothing" });
  } else if (publish.http) {
    problems.push({
      path: "publisher",
      expected: 'none beside "publish.http", which publishes on no connection',
      got: describe(publisher),
    });
  }
  return problems;
}

function checkOne(d: Descriptor, columns: readonly string[]): Problem[] {
  const captured = new Set<string>();
  const given = new Set<string>([...CONNECTION_VARIABLES, ...columns]);
  const checker = new Checker(d, given, captured);
  const later: readonly string[] = [...given, "nowMs", "lastSeq"];
  const carried = (d.session ?? []).flatMap(({ capture }) => Object.keys(capture ?? {}));

  if (d.path !== undefined) {
    checker.known(
      "path",
      templateOf(() => parsePathTemplate(d.path!)),
      [...CONNECTION_VARIABLES, "lastSeq"],
      [...columns, ...carried],
    );
  }

  for (const [i, step] of (d.session ?? []).entries()) {
    const path = `session[${i}]`;
    if (!step.send && !step.await) checker.add(path, '"send", "await" or both', describe(step));
    checker.written(hasWire(step) ? step : d, `${path}.`, hasWire(step));
    checker.variables(`${path}.send`, step.send, later, captured, step.encoding);
    checker.condition(`${path}.await`, step.await);
    checker.written(d, "", false);
    if (step.within && !step.await) checker.add(`${path}.within`, '"await" beside it', "none");
    if (step.capture && !step.await) checker.add(`${path}.capture`, '"await" beside it', "none");
    checker.captures(`${path}.capture`, step.capture, step.await);
    for (const name of Object.keys(step.capture ?? {})) {
      if (captured.has(name))
        checker.add(`${path}.capture.${name}`, "a name not captured before", "it again");
      if (columns.includes(name)) checker.add(`${path}.capture.${name}`, "no column's name", `"${name}"`);
      captured.add(name);
    }
  }

  checkProbe(checker, d, [...later, "id", "payload"], captured);
  checkHttp(checker, "probe.http", d.probe?.http, [...given]);
  checkHttp(checker, "publish.http", d.publish?.http, [...given]);
  const published = [...later, "id", "seq", "payload"];
  checker.variables("publish.send", d.publish?.send, published, captured, d.publish?.encoding);

  for (const [i, delivery] of deliveriesOf(d).entries()) {
    checkDelivery(checker, delivery, Array.isArray(d.delivery) ? `delivery[${i}]` : "delivery");
  }

  for (const [i, error] of errorsOf(d).entries()) {
    checkError(checker, d, error, Array.isArray(d.error) ? `error[${i}]` : "error");
  }

  for (const [i, beat] of (d.heartbeat ?? []).entries()) {
    const path = `heartbeat[${i}]`;
    const answers = beat.when !== undefined;
    const repeats = beat.every !== undefined && beat.send !== undefined;
    const mixed = answers ? beat.every !== undefined || beat.send !== undefined : beat.answer !== undefined;
    if (answers === repeats || mixed) {
      checker.add(path, 'either "when" (and "answer") or "every" and "send"', describe(beat));
    }
    if (beat.capture && !beat.when) checker.add(`${path}.capture`, '"when" beside it', "none");
    checker.condition(`${path}.when`, beat.when);
    checker.captures(`${path}.capture`, beat.capture, beat.when);
    const own = [...captured, ...Object.keys(beat.capture ?? {})];
    checker.variables(`${path}.answer`, beat.answer, later, own, beat.encoding);
    checker.variables(`${path}.send`, beat.send, later, captured, beat.encoding);
    if (beat.consume !== undefined && !answers) checker.add(`${path}.consume`, '"when" beside it', "none");
  }

  checker.variables("refresh.send", d.refresh?.send, later, captured, d.refresh?.encoding);
  checker.condition("refresh.await", d.refresh?.await);
  checker.variables("resume.send", d.resume?.send, later, captured, d.resume?.encoding);
  checker.condition("resume.await", d.resume?.await);
  const numbered = deliveriesOf(d).some(({ seq, cursor }) => seq !== undefined || cursor !== undefined);
  if (d.resume && !numbered) {
    checker.add("resume", '"delivery.seq" or "delivery.cursor", which say where to resume', "neither");
  }
  checkResume(checker, d);
  for (const field of ["refresh", "resume"] as const) {
    if (d[field]?.within && !d[field].await) checker.add(`${field}.within`, '"await" beside it', "none");
  }
  return checker.problems;
}

function checkProbe(
  checker: Checker,
  d: Descriptor,
  variables: readonly string[],
  captured: Iterable<string>,
): void {
  const probe = checker.variables("probe.send", d.probe?.send, variables, captured, d.probe?.encoding);
  if (d.probe && !d.reply) checker.add("reply", 'at least one reply, since there is a "probe"', "nothing");
  if (d.reply && !d.probe) checker.add("probe", 'a probe, since there is a "reply"', "nothing");
  const names = new Set<string>();
  for (const [i, reply] of (d.reply ?? []).entries()) {
    const path = `reply[${i}]`;
    if (names.has(reply.name))
      checker.add(`${path}.name`, "a name that no other reply has", describe(reply.name));
    names.add(reply.name);
    checker.condition(path, reply, "optional");
    checker.locator(`${path}.id`, reply.id, reply);
    if (reply.match !== "id" && reply.id !== undefined) {
      checker.add(`${path}.id`, `no "id" where match is "${reply.match}"`, describe(reply.id));
    }
    if (reply.match === "whole" && (probe?.messages ?? 1) > 1) {
      const one = `one message, since reply "${reply.name}" is the message that was sent`;
      checker.add("probe.send", one, `${probe!.messages}`);
    }
    if (reply.match !== "id") continue;
    if (reply.id === undefined) checker.add(`${path}.id`, "where the identifier is", "nothing");
    if (probe && !probe.variables.includes("id")) {
      checker.add("probe.send", `"\${id}" in it, since reply "${reply.name}" is matched by it`, "none");
    }
  }
}

/** What it captures takes the place of what the step in whose place it comes would have. */
function checkResume(checker: Checker, { session = [], resume }: Descriptor): void {
  if (!resume) return;
  const { replaces, capture = {} } = resume;
  if (resume.capture && !resume.await) checker.add("resume.capture", '"await" beside it', "none");
  checker.captures("resume.capture", resume.capture, resume.await);
  if (replaces !== undefined && replaces >= session.length) {
    checker.add(
      "resume.replaces",
      `a step of the session (fewer than ${session.length})`,
      describe(replaces),
    );
  }
  const instead = Object.keys(session[replaces ?? -1]?.capture ?? {});
  const [name] = Object.keys(capture).filter((one) => !instead.includes(one));
  if (name !== undefined) {
    checker.add(`resume.capture.${name}`, "a name that the step it replaces captures", `"${name}"`);
  }
}

function checkDelivery(checker: Checker, delivery: DeliverySpec, path: string): void {
  const { each, text } = delivery;
  checker.condition(path, delivery, each === undefined ? "required" : "optional");
  if (each !== undefined && text !== undefined) {
    checker.add(`${path}.each`, 'no "each" beside "text", which is a message without a list', describe(each));
  }
  for (const field of ["id", "seq", "cursor", "publisher", "room"] as const) {
    checker.locator(`${path}.${field}`, delivery[field], delivery);
  }
  checker.locator(`${path}.sentAt.at`, delivery.sentAt?.at, delivery);
  if (delivery.sentAt?.unit === "iso8601" && delivery.sentAt.since !== undefined) {
    checker.add(
      `${path}.sentAt.since`,
      "none beside iso8601, which needs none",
      describe(delivery.sentAt.since),
    );
  }
}

function checkError(checker: Checker, d: Descriptor, error: ErrorSpec, path: string): void {
  checker.condition(path, error);
  checker.locator(`${path}.reason`, error.reason, error);
  if (error.settles && !d.probe) checker.add(`${path}.settles`, 'a "probe" to settle', "none");
  if (error.settles !== "id") {
    if (error.id !== undefined) {
      checker.add(`${path}.settles`, `"id", since "${path}.id" is given`, describe(error.settles));
    }
    return;
  }
  const id = errorId(d, error);
  if (id === undefined) {
    checker.add(
      `${path}.id`,
      'where the identifier is, since "settles" is "id" and no reply has one',
      "nothing",
    );
  }
  checker.locator(`${path}.id`, id, error);
}

/** The first field by which the protocol sends something on its connection; undefined where it only reads. */
export function sentOnConnection(d: Descriptor): string | undefined {
  const step = (d.session ?? []).findIndex(({ send }) => send !== undefined);
  const beat = (d.heartbeat ?? []).findIndex(
    ({ answer, send }) => answer !== undefined || send !== undefined,
  );
  if (step >= 0) return `session[${step}].send`;
  if (d.probe && !d.probe.http) return "probe.send";
  if (d.publish && !d.publish.http) return "publish.send";
  if (beat >= 0)
    return d.heartbeat![beat]!.send === undefined ? `heartbeat[${beat}].answer` : `heartbeat[${beat}].send`;
  if (d.refresh) return "refresh.send";
  return d.resume ? "resume.send" : undefined;
}

/** A message beside the connection: its path and its header fields. */
function checkHttp(
  checker: Checker,
  path: string,
  http: HttpSpec | undefined,
  given: readonly string[],
): void {
  if (http?.path !== undefined) {
    const template = templateOf(() => parsePathTemplate(http.path!));
    checker.known(`${path}.path`, template, given, []);
  }
  const names = Object.keys(http?.headers ?? {}).map((name) => name.toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) checker.add(`${path}.headers`, "each header once", `${twice} twice`);
}

/** The forms of a delivery, in the order in which they are looked for. */
export const deliveriesOf = ({ delivery = [] }: Descriptor): readonly DeliverySpec[] =>
  Array.isArray(delivery) ? delivery : [delivery];

/** The errors, in the order in which they are looked for. */
export const errorsOf = ({ error = [] }: Descriptor): readonly ErrorSpec[] =>
  Array.isArray(error) ? error : [error];

/** The place where an error names its probe: its own `id`, otherwise the `id` of the first reply that has one. */
export const errorId = (d: Descriptor, error: ErrorSpec): string | undefined =>
  error.id ?? d.reply?.find((reply) => reply.match === "id")?.id;

class Checker {
  readonly problems: Problem[] = [];
  /** How the messages are written that are looked at now; undefined where that is refused. */
  #wire: Wire | undefined;
  readonly #given: ReadonlySet<string>;
  readonly #captured: ReadonlySet<string>;

  /**
   * @param given variables that connections have from the start
   * @param captured names of the captures that were checked before
   */
  constructor(d: WireSpec, given: ReadonlySet<string>, captured: ReadonlySet<string>) {
    this.#given = given;
    this.#captured = captured;
    this.written(d, "", true);
  }

  /** Sets the format of the messages that are checked from here on. `prefix` is that of the fields which state it. */
  written(spec: WireSpec, prefix: string, isNew: boolean): void {
    const problems = isNew ? wireProblems(spec) : [];
    for (const { path, expected, got } of problems) this.add(prefix + path, expected, got);
    this.#wire = wireProblems(spec).length === 0 ? wireOf(spec) : undefined;
  }

  add(path: string, expected: string, got: string): void {
    this.problems.push({ path, expected, got });
  }

  /** A message's template, if it is one, whose variables must be known and have a value by then. */
  variables(
    path: string,
    source: string | undefined,
    variables: readonly string[],
    captured: Iterable<string>,
    encoding?: "text" | "binary",
  ): Template | undefined {
    if (source === undefined) return undefined;
    const wire = this.#wire;
    const template = templateOf(
      () => parseTemplate(source, wire?.delimiter),
      ({ message }) => this.add(path, message, describe(source)),
    );
    this.known(path, template, variables, captured);
    if (wire?.isBytes && encoding === "text") {
      this.add(
        path.replace(/[^.]+$/, "encoding"),
        '"binary", since its bytes are not text',
        describe(encoding),
      );
    }
    if (wire?.codec && template) {
      const why = refusal(template, source, wire.codec);
      if (why !== undefined) this.add(path, why, describe(source));
    }
    return template;
  }

  /** Every variable of the template must be known and have a value by then. */
  known(
    path: string,
    template: Template | undefined,
    variables: readonly string[],
    captured: Iterable<string>,
  ): void {
    const known = new Set<string>([...variables, ...captured]);
    for (const name of template?.variables ?? []) {
      if (!known.has(name))
        this.add(path, `a variable that is known here (${[...known].join(", ")})`, `"\${${name}}"`);
    }
  }

  condition(path: string, c: ConditionSpec | undefined, kind: "required" | "optional" = "required"): void {
    if (!c) return;
    const given = ["text", "regex", "where"].filter((field) => c[field as keyof ConditionSpec] !== undefined);
    for (const field of ["text", "regex"] as const) {
      if (this.#wire?.codec && c[field] !== undefined) {
        this.add(`${path}.${field}`, '"where" alone, since the message is not a text', describe(c[field]));
      }
    }
    if (given.length === 0 && kind === "required") this.add(path, '"text", "regex" or "where"', "none");
    if (c.text !== undefined && given.length > 1) {
      this.add(`${path}.text`, `"text" alone, without ${given.slice(1).join(" and ")}`, describe(c.text));
    }
    for (const [pointer, wanted] of Object.entries(c.where ?? {})) {
      if (typeof wanted !== "string" || !wanted.includes("${")) continue;
      const at = `${path}.where.${pointer}`;
      const template = templateOf(
        () => parsePlainTemplate(wanted, "raw"),
        ({ message }) => this.add(at, message, describe(wanted)),
      );
      this.known(at, template, [...this.#given], this.#captured);
    }
  }

  captures(
    path: string,
    captures: Record<string, string> | undefined,
    from: ConditionSpec | undefined,
  ): void {
    for (const [name, where] of Object.entries(captures ?? {})) {
      if (kindOf(name)) this.add(`${path}.${name}`, "a name that is not a variable's already", `"${name}"`);
      if (from) this.locator(`${path}.${name}`, where, from);
    }
  }

  /** What is no pointer must be a group of the regex. */
  locator(path: string, where: string | undefined, c: ConditionSpec): void {
    if (where === undefined) return;
    if (c.text !== undefined)
      this.add(path, 'a field of JSON or of a regex, not of a "text"', describe(where));
    if (where === "" || where.startsWith("/")) return;
    const names = groupsOf(c.regex);
    if (!names.includes(where)) {
      this.add(
        path,
        names.length > 0
          ? `a group of the regex (${names.join(", ")})`
          : "a JSON Pointer, since there is no regex with groups",
        describe(where),
      );
    }
  }
}

/** The template; undefined where it is refused, which by default has been said already. */
function templateOf(parse: () => Template, refused?: (why: TemplateError) => void): Template | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    refused?.(error);
    return undefined;
  }
}

/** The groups' names; none where the pattern is refused already. */
function groupsOf(regex: string | undefined): readonly string[] {
  try {
    return regex === undefined ? [] : compilePattern(regex).names;
  } catch {
    return [];
  }
}
