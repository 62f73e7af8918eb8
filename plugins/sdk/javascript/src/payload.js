// The payload of an event that a handler makes: `json`, or `payload` with any bytes.

import { bytes } from "./check.js";
import { stringify } from "./json.js";

export function payloadOf({ json, payload }, about) {
  if (json !== undefined && payload !== undefined) {
    throw new TypeError(`${about}: json and payload exclude each other`);
  }
  if (json !== undefined) return bytes(stringify(json, `${about}: json`), about);
  return payload === undefined ? new Uint8Array() : bytes(payload, `${about}: payload`);
}
