// Requests while the handler runs, in the form of the web's `fetch`. The gateway waits for the whole
// answer, so the promise is settled when the call returns.

import { bytes, duration, options, pairs, text } from "../check.js";
import { FetchError, NoAnswerError } from "../errors.js";
import { parse } from "../json.js";
import { decode } from "../text.js";

const OPTIONS = ["method", "headers", "body", "timeout", "redirect"];

/** A `fetch` whose requests `send` makes. */
export function fetchBy(send) {
  return (url, given) => new Promise((resolve) => resolve(ask(send, url, given)));
}

/** A URL for people to read. The query may hold credentials, and an error's text is recorded. */
function withoutQuery(url) {
  const end = url.indexOf("?");
  return end < 0 ? url : `${url.slice(0, end)}?…`;
}

function ask(send, url, given) {
  const target = url instanceof Object && typeof url.href === "string" ? url.href : url;
  text(target, "fetch: the URL");
  const about = `fetch ${withoutQuery(target)}`;
  const settings = options(given, about, OPTIONS);
  if (settings.redirect !== undefined && settings.redirect !== "manual") {
    throw new TypeError(`${about}: redirects are not followed; redirect is "manual"`);
  }
  const headers = pairs(settings.headers, `${about}: headers`);
  const request = {
    method: text(settings.method ?? "GET", `${about}: method`).toUpperCase(),
    url: target,
    headers,
    body: body(settings.body, headers, about),
    timeoutMs:
      settings.timeout === undefined ? null : duration(settings.timeout, `${about}: timeout`),
  };
  try {
    return new Answer(target, send(request));
  } catch (error) {
    throw failure(error, about);
  }
}

function body(value, headers, about) {
  if (value === undefined || value === null) return new Uint8Array();
  // `URLSearchParams` is a form, as in browsers.
  if (typeof value === "object" && typeof value.append === "function") {
    if (!headers.some(([name]) => name.toLowerCase() === "content-type")) {
      headers.push(["content-type", "application/x-www-form-urlencoded;charset=UTF-8"]);
    }
    return bytes(String(value), `${about}: body`);
  }
  return bytes(value, `${about}: body`);
}

function failure(error, about) {
  const { tag, val } = error?.payload ?? {};
  if (tag === undefined) return error;
  const message = `${about}: ${val}`;
  const again = tag === "timeout" || tag === "no-answer";
  return again ? new NoAnswerError(message, tag) : new FetchError(message, tag);
}

/** The answer to a request, of any status. */
class Answer {
  #body;
  redirected = false;
  type = "basic";
  statusText = "";

  constructor(url, answer) {
    this.url = url;
    this.status = answer.status;
    this.headers = new AnswerHeaders(answer.headers);
    this.#body = answer.body;
  }

  /** Whether the status is 2xx. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  #later(read) {
    return new Promise((resolve) => resolve(read()));
  }

  #decoded() {
    const text = decode(this.#body);
    if (text === undefined) throw new TypeError(`fetch ${withoutQuery(this.url)}: the body is not UTF-8`);
    return text;
  }

  bytes() {
    return this.#later(() => this.#body.slice());
  }

  arrayBuffer() {
    return this.#later(() => this.#body.slice().buffer);
  }

  text() {
    return this.#later(() => this.#decoded());
  }

  /** The body as JSON. As in `Event.json`, an integer beyond 2^53 is a BigInt. */
  json(given) {
    return this.#later(() => parse(this.#decoded(), given));
  }
}

/** The headers of an answer. */
class AnswerHeaders {
  #pairs;

  constructor(pairs) {
    this.#pairs = pairs;
  }

  /** The values of a header, joined; null without the header. */
  get(name) {
    const wanted = String(name).toLowerCase();
    const found = this.#pairs.filter(([key]) => key === wanted).map(([, value]) => value);
    return found.length > 0 ? found.join(", ") : null;
  }

  has(name) {
    return this.get(name) !== null;
  }

  forEach(each) {
    for (const [name, value] of this.#pairs) each(value, name, this);
  }

  entries() {
    return this.#pairs.values();
  }

  [Symbol.iterator]() {
    return this.entries();
  }
}
