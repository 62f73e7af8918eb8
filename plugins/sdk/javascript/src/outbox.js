// HTTP requests that the gateway sends after the delivery's commit.

import { bytes, optionalText, options, pairs, text } from "./check.js";
import { calling } from "./failure.js";
import { host } from "./host.js";
import { stringify } from "./json.js";

const OPTIONS = ["json", "form", "body", "headers", "orderKey", "respond"];

/** Queues a POST request. Returns its idempotency key. */
export const post = (url, given) => request("POST", url, given);
/** Queues a PUT request. Returns its idempotency key. */
export const put = (url, given) => request("PUT", url, given);
/** Queues a DELETE request. Returns its idempotency key. */
const remove = (url, given) => request("DELETE", url, given);
export { remove as delete };

/** Queues a request of any method to an absolute URL. Returns its idempotency key. */
export function request(method, url, given) {
  text(method, "outbox: the method");
  const target = url instanceof Object && typeof url.href === "string" ? url.href : url;
  text(target, "outbox: the URL");
  const about = `request to ${target}`;
  const settings = options(given, about, OPTIONS);
  const { type, body } = content(settings, about);
  const headers = pairs(settings.headers, `${about}: headers`);
  if (type && !headers.some(([name]) => name.toLowerCase() === "content-type")) {
    headers.push(["content-type", type]);
  }
  const sent = {
    method,
    url: target,
    headers,
    body,
    orderKey: optionalText(settings.orderKey, `${about}: orderKey`),
    respond: optionalText(settings.respond, `${about}: respond`),
  };
  return calling("OutboxError", about, () => host.outbox.send(sent));
}

function content(settings, about) {
  const given = ["json", "form", "body"].filter((name) => settings[name] !== undefined);
  if (given.length > 1) throw new TypeError(`${about}: ${given.join(" and ")} exclude each other`);
  switch (given[0]) {
    case "json":
      return {
        type: "application/json",
        body: bytes(stringify(settings.json, `${about}: json`), about),
      };
    case "form":
      return { type: "application/x-www-form-urlencoded", body: form(settings.form, about) };
    case "body":
      return { body: bytes(settings.body, `${about}: body`) };
    default:
      return { body: new Uint8Array() };
  }
}

function form(values, about) {
  const encoded = pairs(values, `${about}: form`).map((pair) => pair.map(formEncode).join("="));
  return bytes(encoded.join("&"), about);
}

/** `encodeURIComponent` leaves `!'()~` alone and writes a space as `%20`; forms do not. */
function formEncode(value) {
  return encodeURIComponent(value)
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}
