// Stripe's events, in both of their forms.

import { ConfigError, PayloadError } from "./errors.js";
import * as config from "./config.js";
import * as resolved from "./resolved.js";

/** What Stripe puts before the type of a snapshot event to get the type of the thin event. */
const THIN = "v1.";

/** The type of an event in the words of snapshot events, for thin events too. */
export function kind(event) {
  return event.kind.startsWith(THIN) ? event.kind.slice(THIN.length) : event.kind;
}

/**
 * Reads an event with its object, whether it is a snapshot event, which has the object with it, or
 * a thin event, whose object the gateway has read from Stripe's API. `object` is undefined if
 * Stripe no longer has it.
 */
export function read(event) {
  const envelope = event.json();
  if (envelope === null || typeof envelope !== "object" || typeof envelope.id !== "string") {
    throw unreadable(event, "it is no event of Stripe");
  }
  return event.kind.startsWith(THIN) ? thin(event, envelope) : snapshot(event, envelope);
}

function snapshot(event, envelope) {
  const object = envelope.data?.object;
  if (object === null || typeof object !== "object") {
    throw unreadable(event, "it has no `data.object`");
  }
  return {
    id: envelope.id,
    kind: envelope.type,
    created: envelope.created,
    livemode: envelope.livemode ?? undefined,
    account: envelope.account ?? undefined,
    object,
    readMs: undefined,
  };
}

function thin(event, envelope) {
  const answer = resolved.object();
  if (answer === undefined) {
    throw unreadable(
      event,
      "a thin event has no object: set `resolve` on its source in the manifest, or see in " +
        "`tollgate events show` why the object was not asked for",
    );
  }
  return {
    id: envelope.id,
    kind: kind(event),
    created: Math.trunc((event.createdMs ?? event.receivedMs) / 1000),
    livemode: envelope.livemode ?? undefined,
    account: envelope.context?.split("/").at(-1),
    object: answer.json(event),
    readMs: answer.readMs,
  };
}

function unreadable(event, why) {
  return new PayloadError(`the payload of ${event.kind} cannot be read: ${why}`);
}

/** The id of another object: Stripe sends the id alone, or the whole object if it is expanded. */
export function idOf(reference) {
  if (reference === null || reference === undefined || typeof reference === "string") {
    return reference ?? undefined;
  }
  return typeof reference.id === "string" ? reference.id : undefined;
}

/**
 * The reason to ignore an event of the other mode; undefined if the handler acts on the event. The
 * key `livemode` of the handler's config says which events it acts on: `true` (the default) for
 * live events, `false` for events of the test mode, `"any"` for both.
 */
export function otherMode(envelope) {
  const live = envelope.livemode ?? true;
  const wanted = config.get("livemode") ?? "true";
  if (wanted === "any" || wanted === String(live)) return undefined;
  if (wanted !== "true" && wanted !== "false") {
    throw new ConfigError(
      `the handler's config needs \`livemode\`: it is true, false or "any", not "${wanted}"`,
    );
  }
  const wants = wanted === "true" ? "live events" : "events of the test mode";
  return (
    `${envelope.id} is of the ${live ? "live" : "test"} mode, and this handler acts on ${wants} ` +
    "alone (config `livemode`)"
  );
}
