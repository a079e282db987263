/** Writes one step of a sequence to a connection, whether or not RFC 6455 allows it. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Shown } from "../../lib/fuzz/observation.ts";
import type { Step } from "../../lib/fuzz/sequence.ts";
import type { Protocol } from "../../lib/protocols/index.ts";
import { wireOf } from "../../lib/protocols/wire.ts";
import { type Written, write } from "../../lib/protocols/write.ts";
import { closePayload, frameBytes } from "./frames.ts";
import { shownFrame } from "./journal.ts";

/** The connection that it is written to. */
export interface Way {
  readonly socket: WebSocket;
  /** The connection below, for frames that `ws` does not write. */
  readonly tcp: Socket;
  readonly protocol: Protocol;
  /** Puts this run's values in. */
  filled(text: string): string;
  /** Called with each message before it is sent. */
  note(shown: Shown): void;
}

/** @param step not a valid message, which the conversation makes; a cut is not written either */
export function writeStep(step: Step, { socket, tcp, protocol, filled, note }: Way): void {
  if (step.text !== undefined) {
    const text = filled(step.text);
    const written = step.coded === true ? coded(text, protocol) : undefined;
    note(shownFrame(text));
    socket.send(written?.frame ?? text);
  } else if (step.hex !== undefined) {
    const bytes = Buffer.from(step.hex, "hex");
    note(shownFrame(bytes));
    socket.send(bytes);
  } else if (step.frames) {
    note({ text: `${step.frames.length} frames`, bytes: 0 });
    const frames = step.frames.map((frame) =>
      frame.text === undefined ? frame : { ...frame, text: filled(frame.text) },
    );
    tcp.write(Buffer.concat(frames.map(frameBytes)));
  } else if (step.close) {
    note({ text: `Close ${step.close.code ?? ""}`, bytes: 0 });
    const hex = closePayload(step.close as { code?: number; reason: string });
    tcp.write(frameBytes({ fin: true, opcode: 8, hex }));
  }
}

/** As the protocol writes it; undefined where the codec cannot write such a message, or code makes them. */
function coded(text: string, { descriptor, inCode }: Protocol): Written | undefined {
  if (inCode) return undefined;
  const probe = descriptor.probe ?? descriptor.publish;
  try {
    const wire = wireOf(descriptor);
    return write(text, wire, probe?.encoding === "binary" || wire.isBytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
