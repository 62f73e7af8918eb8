// The response of a request that asked for it with `respond`.

import { PayloadError } from "./errors.js";
import { parse } from "./json.js";
import { decode, encode } from "./text.js";

/** The end of a request that asked for its response. */
export class Response {
  #body;

  constructor(raw) {
    this.outcome = raw.outcome;
    this.idempotencyKey = raw.idempotency_key;
    this.correlation = raw.correlation;
    this.status = raw.status;
    this.headers = raw.headers;
    this.truncated = raw.truncated;
    this.tries = raw.tries;
    this.error = raw.error;
    this.#body =
      raw.encoding === "base64"
        ? Uint8Array.from(atob(raw.body), (character) => character.charCodeAt(0))
        : encode(raw.body ?? "");
  }

  /** Whether a response with a 2xx status arrived. */
  get isSuccess() {
    return this.outcome === "sent";
  }

  /** The first header of this name, or undefined. */
  header(name) {
    const wanted = String(name).toLowerCase();
    return this.headers.find(([key]) => key === wanted)?.[1];
  }

  /** The body of the last response; empty without a response. */
  body() {
    return this.#body;
  }

  /** The body as text. */
  text() {
    const text = decode(this.#body);
    if (text === undefined) {
      throw new PayloadError(
        "the payload of outbox.response cannot be read: its body is not UTF-8",
      );
    }
    return text;
  }

  /** The body as JSON, read as `Event.json` reads it. */
  json(options) {
    try {
      return parse(this.text(), options);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new PayloadError(
        `the payload of outbox.response cannot be read: the response body: ${error.message}`,
      );
    }
  }
}

export function responseOf(event) {
  return new Response(event.json());
}
