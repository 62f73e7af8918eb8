// The handler's own settings: its `config` table in the manifest.

import { text } from "./check.js";
import { ConfigError, nameOf } from "./errors.js";
import { host } from "./host.js";
import { parse } from "./json.js";

/** The value of a key as text, or undefined. Other values than texts are their JSON. */
export function get(key) {
  return host.config.get(text(key, "config.get: the key")) ?? undefined;
}

/** The value of a key as text. An absent or empty value is an error. */
function required(key) {
  return get(key) || unfit(key, "it is not set");
}
export { required as require };

/** The value of a key as a number, or undefined. */
export function number(key) {
  const value = get(key);
  if (value === undefined) return undefined;
  const read = value.trim() === "" ? Number.NaN : Number(value);
  return Number.isFinite(read) ? read : unfit(key, `"${value}" is no number`);
}

/** The value of a key as a flag, or undefined. */
export function boolean(key) {
  const value = get(key);
  if (value === undefined) return undefined;
  if (value === "true" || value === "false") return value === "true";
  return unfit(key, `it is true or false, not "${value}"`);
}

/** The value of a key that is an array or a table, or undefined. */
export function json(key) {
  const value = get(key);
  if (value === undefined) return undefined;
  try {
    return parse(value);
  } catch (error) {
    return unfit(key, error.message);
  }
}

/** All pairs of key and value, sorted by key. */
export const entries = () => host.config.entries();

function unfit(key, problem) {
  throw new ConfigError(`the handler's config needs \`${key}\`: ${problem}`, nameOf(key));
}
