// Tells the shop once about each {{event}}.
import { Event, Request, Result, config, done, ignored, json, log, reject, state } from "./sdk";

export function onEvent(event: Event): Result {
  if (event.kind != "{{event}}") return ignored(`${event.kind} is not for this handler`);

  const id = json.text(event.payload, "/data/object/id");
  const currency = json.text(event.payload, "/data/object/currency");
  if (!id || !currency || !json.isInteger(event.payload, "/data/object/{{amount}}")) {
    return reject("the payload has no object with id, {{amount}} and currency");
  }
  const amount = json.integer(event.payload, "/data/object/{{amount}}");

  // Providers send an event again, and several events may tell of one payment: the state says what
  // was done already.
  if (state.get(`seen/${id}`)) return ignored(`${id} was told before`);
  state.setText(`seen/${id}`, event.id);
  state.add(`total/${currency}`, amount);

  // The request goes out after the commit, and not at all if the handler fails.
  const url = config("notify_url");
  if (!url) return reject("`config` has no notify_url");
  const body = `{"id":${json.quoted(id)},"amount":${amount},"currency":${json.quoted(currency)}}`;
  new Request(url).json(body).ordered(id).send();
  log.info("told the shop", [["object", id]]);
  return done();
}
