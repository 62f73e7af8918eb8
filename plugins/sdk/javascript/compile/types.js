// Checks the types of a handler in TypeScript, if the project has a compiler of TypeScript.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { insteadOfModule, insteadOfName } from "./node.js";
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
    const said = `${checked.stdout}${checked.stderr}`.split("\n").map(explained).join("\n");
    throw new Problem(`the types do not fit:\n${said}`.trim());
  }
}

/** A line of the compiler. For what Node alone has, its advice leads nowhere. */
function explained(line) {
  const found = /^(.*?: error TS\d+: )Cannot find (module|name) '([^']+)'/.exec(line);
  if (found === null) return line;
  const [, where, kind, name] = found;
  const isModule = kind === "module" || name.startsWith("node:");
  const instead = isModule ? insteadOfModule(name) : insteadOfName(name);
  return instead === undefined ? line : where + instead;
}
