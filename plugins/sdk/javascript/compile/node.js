// What Node has and a handler has not, with what a handler uses in its place.

/** Modules of Node, and what a handler uses in their place. */
const NODE = {
  fs: "a handler has no files. Its settings are in `config`, its data in `state`",
  "fs/promises": "a handler has no files. Its settings are in `config`, its data in `state`",
  http: "requests go out after the commit: `outbox.post(url, { json })`",
  https: "requests go out after the commit: `outbox.post(url, { json })`",
  net: "requests go out after the commit: `outbox.post(url, { json })`",
  dns: "requests go out after the commit: `outbox.post(url, { json })`",
  crypto: "`crypto.randomUUID()` and `crypto.getRandomValues()` are there without an import",
  url: "`URL` is there without an import",
  util: "`TextEncoder` and `TextDecoder` are there without an import",
  buffer: "write `Uint8Array`, `TextEncoder` and `TextDecoder`",
  child_process: "a handler starts no programs",
  timers: "for a later time use `schedule.put`",
  process: "its settings are in `config`",
};

/** Names that are global in Node. */
const GLOBALS = {
  process: "process",
  Buffer: "buffer",
  require: "module",
  global: "globalThis",
  setImmediate: "timers",
  __dirname: "fs",
  __filename: "fs",
};

const OTHERS = {
  module: "write `import`",
  globalThis: "write `globalThis`",
};

/** What to write in place of a module of Node; undefined for other modules. */
export function insteadOfModule(name) {
  const module = name.replace(/^node:/, "");
  if (!Object.hasOwn(NODE, module)) return undefined;
  return `"${module}" is a module of Node, and a handler does not run in Node: ${NODE[module]}`;
}

/** What to write in place of a global name of Node; undefined for other names. */
export function insteadOfName(name) {
  if (!Object.hasOwn(GLOBALS, name)) return undefined;
  const about = GLOBALS[name];
  return `\`${name}\` is of Node, and a handler does not run in Node: ${NODE[about] ?? OTHERS[about]}`;
}
