#!/usr/bin/env node
// Compiles a handler in JavaScript or TypeScript to a WebAssembly component:
//
//   tollgate-compile [--entry FILE] [--out FILE.wasm]
//
// Run in the project's folder. Exits with 1 and a message on stderr if the handler has a mistake.

import { parseArgs } from "node:util";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { bundle } from "./bundle.js";
import { component } from "./component.js";
import { entryOf } from "./entry.js";
import { Problem } from "./problem.js";
import { checkTypes } from "./types.js";

async function main() {
  const { values } = parseArgs({
    options: { entry: { type: "string" }, out: { type: "string" } },
  });
  const folder = process.cwd();
  const entry = entryOf(folder, values.entry);
  checkTypes(folder, entry);
  const code = await bundle(folder, entry);
  const wasm = await component(code, entry);
  const out = resolve(folder, values.out ?? `target/${nameOf(folder)}.wasm`);
  mkdirSync(dirname(out), { recursive: true });
  // A running gateway watches the folder: the file appears whole.
  const part = `${dirname(out)}/.${basename(out)}.new`;
  writeFileSync(part, wasm);
  renameSync(part, out);
}

function nameOf(folder) {
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).name ?? basename(folder);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
