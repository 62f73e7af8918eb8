// What the provider's API told about the event, if the event's source resolves events.

import { PayloadError } from "./errors.js";
import { host } from "./host.js";
import { parse } from "./json.js";
import { decode } from "./text.js";

/** An answer of the provider's API. `body` is undefined if the thing is gone. */
export class Answer {
  constructor(raw) {
    this.readMs = raw.readMs;
    this.body = raw.body ?? undefined;
  }

  /** The answer as JSON; undefined if the thing is gone. `event` is named in the error. */
  json(event, options) {
    if (this.body === undefined) return undefined;
    const text = decode(this.body);
    try {
      if (text === undefined) throw new SyntaxError("it is not UTF-8");
      return parse(text, options);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new PayloadError(
        `the payload of ${event.kind} cannot be read: its object: ${error.message}`,
      );
    }
  }
}

const answer = (raw) => (raw === null || raw === undefined ? undefined : new Answer(raw));

/** The object that the event is about; undefined if the gateway did not ask for it. */
export const object = () => answer(host.resolved.object());
/** The event with the fields that the provider does not send; undefined if it was not asked for. */
export const event = () => answer(host.resolved.event());
