// Events for tests.

import { stringify } from "../json.js";
import { encode } from "../text.js";

let made = 0;

/** An event with these bytes. `fields` sets the rest, such as `subject` and `headers`. */
export function wrap(kind, payload, fields = {}) {
  const id = `00000000-0000-4000-8000-${String(++made).padStart(12, "0")}`;
  return {
    id,
    source: "test",
    providerId: null,
    kind,
    subject: null,
    account: null,
    createdMs: null,
    receivedMs: 1_760_000_000_000,
    attempt: 1,
    replay: false,
    headers: [],
    metadata: [],
    ...fields,
    payload,
  };
}

/** An event whose payload is JSON. Stripe's fields are read, if the value has them. */
export function event(kind, value, fields = {}) {
  const created = value?.created;
  return wrap(kind, encode(typeof value === "string" ? value : stringify(value)), {
    providerId: value?.id ?? null,
    subject: value?.data?.object?.id ?? null,
    account: value?.account ?? null,
    createdMs: typeof created === "number" ? created * 1000 : null,
    ...fields,
  });
}

/** The event of type `outbox.response` that tells how a request ended. */
export function response(request, status, body) {
  const sent = status >= 200 && status < 300;
  return event(
    "outbox.response",
    {
      outcome: sent ? "sent" : "dead",
      idempotency_key: request.key,
      correlation: request.respond ?? "",
      status,
      headers: [],
      body: typeof body === "string" ? body : stringify(body),
      encoding: "text",
      truncated: false,
      tries: 1,
      error: sent ? null : `answered ${status}`,
    },
    { source: "handler:test", subject: request.respond },
  );
}

/** Every order of a few events. */
export function orders(events) {
  if (events.length < 2) return [[...events]];
  return events.flatMap((first, at) =>
    orders(events.toSpliced(at, 1)).map((rest) => [first, ...rest]),
  );
}
