#!/usr/bin/env node
// Runs the tests of a project in TypeScript: bundles each file of test/, and hands the results to
// Node's own test runner.
//
//   tollgate-test [FILE…]

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

import { build } from "./tools.js";

const OUT = "target/tests";

const given = process.argv.slice(2);
const found = existsSync("test") ? readdirSync("test", { recursive: true }) : [];
const files = found.filter((file) => /\.test\.m?[jt]s$/.test(file)).map((file) => `test/${file}`);
const entryPoints = given.length > 0 ? given : files;
if (entryPoints.length === 0) {
  process.stderr.write("there are no tests: write one in test/handler.test.ts\n");
  process.exit(1);
}
await build({
  entryPoints,
  outdir: OUT,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "inline",
  logLevel: "error",
});
const tests = readdirSync(OUT, { recursive: true }).filter((file) => file.endsWith(".test.mjs"));
const ended = spawnSync(
  process.execPath,
  ["--enable-source-maps", "--test", ...tests.map((file) => `${OUT}/${file}`)],
  { stdio: "inherit" },
);
process.exit(ended.status ?? 1);
