/** How a variable is written in JSON, when it is not taken from a message. */
export type VariableKind = "string" | "number";

/** Every variable that a template may use besides those it captures, and how it is written in JSON. */
export const VARIABLES = {
  /** Identifier of this probe or publication. In a probe, `probe.id` says how it is written. */
  id: "string",
  /** Number of this publication, counted by its publisher. */
  seq: "number",
  /** The room this connection is in. */
  room: "string",
  /** The user this connection belongs to. */
  user: "string",
  /** The token this connection authenticates with. */
  token: "string",
  /** Unix time in whole milliseconds. */
  nowMs: "number",
  /** Filler of the size that the run asks for; empty unless it does. */
  payload: "string",
  /** `seq` of the last delivery that came, written as it was there; `null` before the first. */
  lastSeq: "number",
  /** Number of the virtual user. */
  vu: "number",
  /** Number of the connection within the run. */
  connection: "number",
} as const satisfies Record<string, VariableKind>;

export type VariableName = keyof typeof VARIABLES;

/** The variables that a connection has from the start, given by the code that opens it. */
export const CONNECTION_VARIABLES = [
  "room",
  "user",
  "token",
  "vu",
  "connection",
] as const satisfies readonly VariableName[];

/** How the variable is written in JSON; undefined for an unknown name. */
export const kindOf = (name: string): VariableKind | undefined =>
  Object.hasOwn(VARIABLES, name) ? VARIABLES[name as VariableName] : undefined;

/** Whether a text is a whole number as JSON writes it. */
export const isWhole = (text: string): boolean => /^-?(?:0|[1-9][0-9]*)$/.test(text);
