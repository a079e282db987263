/** Reads an event stream by npm's eventsource, and tells when each event came. */
import { EventSource } from "eventsource";

/** @type {number[]} */
const at = [];
const source = new EventSource(String(process.argv[2]));
source.onmessage = () => at.push(performance.now());
source.onerror = () => {
  source.close();
  console.log(`times ${JSON.stringify(at)}`);
};
