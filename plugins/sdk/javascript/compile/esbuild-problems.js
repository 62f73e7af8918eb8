// The messages of esbuild, with what to write instead.

import { insteadOfModule } from "./node.js";
import { Problem } from "./problem.js";

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
  const instead = missing === undefined ? undefined : insteadOfModule(missing);
  if (instead !== undefined) return instead;
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
