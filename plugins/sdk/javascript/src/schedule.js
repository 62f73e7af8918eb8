// Events that a handler sends to itself at a later time.

import { duration, integer, optionalText, options, text } from "./check.js";
import { nameOf } from "./errors.js";
import { calling } from "./failure.js";
import { host } from "./host.js";
import { payloadOf } from "./payload.js";

const OPTIONS = ["after", "at", "kind", "subject", "json", "payload"];

const about = (key) => `schedule key ${JSON.stringify(key)}`;

/**
 * Puts an entry when the delivery commits. Replaces the entry of the same key. The event of type
 * `kind` is due `after` a duration (milliseconds, or a text such as "3d"), or `at` a time (a Date,
 * or milliseconds since the Unix epoch).
 */
export function put(key, given) {
  text(key, "schedule.put: the key");
  const settings = options(given, about(key), OPTIONS);
  const entry = {
    due: due(settings, about(key)),
    kind: text(settings.kind, `${about(key)}: kind`),
    subject: optionalText(settings.subject, `${about(key)}: subject`),
    payload: payloadOf(settings, about(key)),
  };
  calling("ScheduleError", about(key), () => host.schedule.put(key, entry));
}

/** Removes the entry of a key when the delivery commits. A key without an entry is no error. */
export function cancel(key) {
  text(key, "schedule.cancel: the key");
  calling("ScheduleError", about(key), () => host.schedule.cancel(key));
}

function due({ after, at }, what) {
  if ((after === undefined) === (at === undefined)) {
    throw new TypeError(`${what}: one of after and at says when the event is due`);
  }
  if (after !== undefined) return { tag: "after-ms", val: duration(after, `${what}: after`) };
  return { tag: "at-ms", val: time(at, `${what}: at`) };
}

function time(at, what) {
  if (!(at instanceof Date) && typeof at !== "number" && typeof at !== "bigint") {
    throw new TypeError(
      `${what} is a Date or a number of milliseconds since the Unix epoch, not ${nameOf(at)}`,
    );
  }
  return integer(at instanceof Date ? at.getTime() : at, what, 0);
}
