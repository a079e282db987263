/** An event of a stream (HTML, section 9.2.6). */
export interface StreamEvent {
  /** The client's `Last-Event-ID` from then on. Neither NUL nor line ends. */
  readonly id?: string;
  /** Default `message`. */
  readonly event?: string;
  /** Line ends become lines of their own. */
  readonly data: string;
}

/** An event as it is sent, with its empty line. */
export function encodeEvent({ id, event, data }: StreamEvent): Buffer {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
  ];
  return Buffer.from(`${lines.join("\n")}\n\n`);
}
