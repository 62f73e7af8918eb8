// Parses the event and checks the amount.
import { Event, Result, done, json, reject } from "./sdk";

export function onEvent(event: Event): Result {
  const amount = "/data/object/amount_received";
  if (!json.isInteger(event.payload, amount) || json.integer(event.payload, amount) <= 0) {
    return reject("there is nothing to pay");
  }
  return done();
}
