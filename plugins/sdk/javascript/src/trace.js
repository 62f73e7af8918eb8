// Stacks with the places of the sources. The build puts the source map of the bundle at its end;
// the map is read when an error needs it.

/** The parts of a source map: `sources` and `mappings`. Set by the build. */
let map;
let lines;

export function setMap(given) {
  map = given;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment, in base64 VLQ (source map, revision 3). */
function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return found;
}

/** For each line of the bundle its segments: column, source, line and column there. */
function read() {
  const at = [0, 0, 0, 0];
  return map.mappings.split(";").map((line) => {
    at[0] = 0;
    return line
      .split(",")
      .filter((segment) => segment !== "")
      .map((segment) => {
        numbers(segment).slice(0, 4).forEach((step, i) => (at[i] += step));
        return [...at];
      });
  });
}

/** The place in the sources of a line and column of the bundle, both from 1. */
export function place(line, column) {
  if (!map) return undefined;
  lines ??= read();
  const segment = lines[line - 1]?.findLast((found) => found[0] < column);
  if (!segment) return undefined;
  return { file: map.sources[segment[1]], line: segment[2] + 1, column: segment[3] + 1 };
}

/** Frames of the SDK and of esbuild's helpers tell a user nothing. */
const OURS = /(^|\/)(tollgate-handler|sdk\/javascript)\/src\/|^<|^tollgate:/;

/** The frames of a stack in the sources, innermost first: texts such as "f (handler.ts:12:5)". */
export function frames(stack) {
  const found = [];
  for (const line of String(stack ?? "").split("\n")) {
    const parts = /at (?:(.*) \()?.*?:(\d+):(\d+)\)?$/.exec(line.trim());
    if (!parts) continue;
    const [, name, row, column] = parts;
    const there = place(Number(row), Number(column));
    if (!there || OURS.test(there.file)) continue;
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
  return { line, stack: [error.message.includes("\n") ? String(error) : "", ...stack, ...cause].filter(Boolean).join("\n") };
}
