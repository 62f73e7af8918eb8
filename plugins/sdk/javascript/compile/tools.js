// The packages that compile a handler. They are the project's own, or those beside the SDK.

import { createRequire } from "node:module";

const places = [createRequire(`${process.cwd()}/package.json`), createRequire(import.meta.url)];

/** A package, from the first place that has it. */
function load(name) {
  for (const require of places) {
    try {
      return require(name);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error(`the package ${name} is missing: npm ci --ignore-scripts`);
}

export const { build } = load("esbuild");
export const { componentize } = load("componentize-qjs");
