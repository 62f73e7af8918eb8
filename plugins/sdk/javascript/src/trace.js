// Stacks with the places of the sources. The build puts the places at the end of the bundle
// (compile/map.js); they are read when an error needs them.

/** The places as JSON. */
let text;
let places;

export function setPlaces(given) {
  text = given;
}

/** The place in the handler's sources of a line and column of the bundle, both from 1. */
export function place(line, column) {
  if (text === undefined) return undefined;
  places ??= JSON.parse(text);
  const segment = places.lines[line]?.findLast((found) => found[0] < column);
  if (!segment) return undefined;
  return { file: places.sources[segment[1]], line: segment[2] + 1, column: segment[3] + 1 };
}

/** The frames of a stack in the sources, innermost first: texts such as "f (handler.ts:12:5)". */
export function frames(stack) {
  const found = [];
  for (const line of String(stack ?? "").split("\n")) {
    const parts = /at (?:(.*) \()?.*?:(\d+):(\d+)\)?$/.exec(line.trim());
    if (!parts) continue;
    const [, name, row, column] = parts;
    const there = place(Number(row), Number(column));
    if (!there) continue;
    found.push({ name: name?.replace(/^__|^<anonymous>$/g, "") ?? "", ...there });
  }
  return found;
}

/** What an error says in one line, and its stack in the sources. */
export function described(error) {
  if (!(error instanceof Error)) {
    return { line: `the handler threw ${JSON.stringify(error) ?? String(error)}`, stack: "" };
  }
  const found = frames(error.stack);
  const [first] = found;
  const message = `${error.name}: ${error.message}`.split("\n")[0];
  const line = first ? `${message}, ${first.file}:${first.line}` : message;
  const stack = found.map((f) => `at ${f.name || "the module"} (${f.file}:${f.line}:${f.column})`);
  const cause = error.cause === undefined ? [] : [`caused by: ${described(error.cause).line}`];
  return {
    line,
    stack: [error.message.includes("\n") ? String(error) : "", ...stack, ...cause]
      .filter(Boolean)
      .join("\n"),
  };
}
