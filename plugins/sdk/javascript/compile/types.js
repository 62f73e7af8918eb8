// Checks the types of a handler in TypeScript, if the project has a compiler of TypeScript.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { Problem } from "./problem.js";

export function checkTypes(folder, entry) {
  const compiler = resolve(folder, "node_modules/.bin/tsc");
  if (!/\.m?ts$/.test(entry) || !existsSync(resolve(folder, "tsconfig.json"))) return;
  if (!existsSync(compiler)) return;
  const checked = spawnSync(compiler, ["--noEmit", "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (checked.status !== 0) {
    throw new Problem(`the types do not fit:\n${checked.stdout}${checked.stderr}`.trim());
  }
}
