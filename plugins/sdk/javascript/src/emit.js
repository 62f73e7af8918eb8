// New events that a handler makes. The manifest's routes decide which handlers receive them.

import { optionalText, options, text } from "./check.js";
import { calling } from "./failure.js";
import { host } from "./host.js";
import { payloadOf } from "./payload.js";

/** Emits an event when the delivery commits. Returns the id of the future event. */
export function event(kind, given) {
  text(kind, "emit.event: the type");
  const about = `event ${kind}`;
  const settings = options(given, about, ["subject", "json", "payload"]);
  const made = {
    kind,
    subject: optionalText(settings.subject, `${about}: subject`),
    payload: payloadOf(settings, about),
  };
  return calling("EmitError", about, () => host.emit.emit(made));
}
