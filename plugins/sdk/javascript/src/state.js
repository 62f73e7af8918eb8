// Durable keys and values that belong to this handler alone. Values are JSON; the functions with
// `Bytes` in their names take any bytes.

import { bytes, integer, optionalText, options, text } from "./check.js";
import { StateError } from "./errors.js";
import { calling } from "./failure.js";
import { host } from "./host.js";
import { parse, stringify } from "./json.js";
import { decode } from "./text.js";

/** Entries that `list` asks for at a time. */
const PAGE = 256;

const quoted = (key) => JSON.stringify(key);
const guarded = (key, call) => calling("StateError", `state key ${quoted(key)}`, call);

/** The value of a key, or undefined if the key is absent. */
export function get(key, how) {
  const value = getBytes(key);
  return value === undefined ? undefined : read(key, value, how);
}

/** Sets the value of a key. */
export function set(key, value) {
  text(key, "state.set: the key");
  setBytes(key, stringify(value, `state.set(${quoted(key)}): the value`));
}

/** Whether a key has a value. */
export function contains(key) {
  return getBytes(key) !== undefined;
}

/** Removes a key. An absent key is no error. */
function remove(key) {
  text(key, "state.delete: the key");
  guarded(key, () => host.state.delete(key));
}
export { remove as delete };

/** The pairs of key and value whose keys begin with `prefix`, in byte order of their keys. */
export function list(prefix, how) {
  const entries = [];
  let after;
  for (;;) {
    const page = listBytes(prefix, { after, limit: PAGE });
    for (const [key, value] of page) entries.push([key, read(key, value, how)]);
    if (page.length < PAGE) return entries;
    after = page.at(-1)[0];
  }
}

/** Adds to a counter. The call does not read the counter, so it never conflicts. */
export function add(key, delta) {
  text(key, "state.add: the key");
  const whole = integer(delta, `state.add(${quoted(key)}): the delta`);
  guarded(key, () => host.state.add(key, whole));
}

/** The value of a counter; 0 if the key is absent. A value beyond 2^53 is a BigInt. */
export function counter(key) {
  const value = get(key);
  if (value === undefined) return 0;
  if (typeof value === "bigint" || Number.isInteger(value)) return value;
  throw new StateError(
    `state key ${quoted(key)}: not a counter, or the sum leaves a counter's range`,
  );
}

/** The bytes of a key, or undefined if the key is absent. */
export function getBytes(key) {
  text(key, "state.get: the key");
  return guarded(key, () => host.state.get(key)) ?? undefined;
}

/** Sets a key to bytes. */
export function setBytes(key, value) {
  text(key, "state.setBytes: the key");
  const content = bytes(value, `state.setBytes(${quoted(key)}): the value`);
  guarded(key, () => host.state.set(key, content));
}

/** At most `limit` entries whose keys begin with `prefix` and come after the key `after`. */
export function listBytes(prefix, given) {
  const { after, limit = 1000 } = options(given, "state.listBytes", ["after", "limit"]);
  text(prefix, "state.list: the prefix");
  const from = optionalText(after, "state.listBytes: `after`");
  const most = integer(limit, "state.listBytes: the limit", 0, 1000);
  return guarded(prefix, () => host.state.list(prefix, from, most));
}

function read(key, value, how) {
  const written = decode(value);
  try {
    if (written === undefined) throw new SyntaxError("it is not UTF-8");
    return parse(written, how);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new StateError(`state key ${quoted(key)}: ${error.message}`, "value");
  }
}
