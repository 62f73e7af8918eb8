// Passes on the events whose subject begins with `prefix` in `config`.
import { Event, Result, config, done, emit, ignored, reject, state } from "./sdk";

export function onEvent(event: Event): Result {
  const prefix = config("prefix");
  if (prefix === null) return reject("`config` has no prefix");
  const subject = event.subject;
  if (subject === null) return ignored("the event has no subject");
  if (!subject.startsWith(prefix)) return ignored(`${subject} does not begin with ${prefix}`);
  state.add("passed", 1);
  emit(`filtered.${event.kind}`, event.payload, subject);
  return done();
}
