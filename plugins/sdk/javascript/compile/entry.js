// The file that a component is compiled from.

import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";

import { Problem } from "./problem.js";

const USUAL = ["src/handler.ts", "src/handler.js", "src/handler.mts", "src/handler.mjs"];

/** The entry file, relative to the project's folder. */
export function entryOf(folder, given) {
  if (given !== undefined) {
    if (!existsSync(resolve(folder, given))) throw new Problem(`there is no file ${given}`);
    return relative(folder, resolve(folder, given));
  }
  const found = USUAL.find((file) => existsSync(resolve(folder, file)));
  if (!found)
    throw new Problem(`there is no handler here: write one in ${USUAL[0]} or ${USUAL[1]}`);
  return found;
}
