// The messages of esbuild, with what to write instead.

import { Problem } from "./problem.js";

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

export function problemOf(failure, entry) {
  if (!Array.isArray(failure.errors)) return failure;
  const texts = failure.errors.map((error) => {
    const at = error.location;
    const where = at ? `${at.file}:${at.line}:${at.column + 1}: ` : "";
    return where + explained(error.text, at?.file ?? entry);
  });
  return new Problem(texts.join("\n"));
}

function explained(text, file) {
  const missing = /^Could not resolve "(?:node:)?([^"]+)"/.exec(text)?.[1];
  if (missing !== undefined && Object.hasOwn(NODE, missing)) {
    return `"${missing}" is a module of Node, and a handler does not run in Node: ${NODE[missing]}`;
  }
  if (missing !== undefined && !missing.startsWith(".")) {
    return `there is no package "${missing}". If npm has it: npm install ${missing}`;
  }
  if (text.startsWith("Top-level await is not available")) {
    return (
      `${file} awaits outside a function: this code runs while the component is built. Move the ` +
      "await into the handler"
    );
  }
  return text;
}
