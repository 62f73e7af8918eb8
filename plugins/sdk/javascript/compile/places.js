// The places of a stack in the sources, for errors while the component is built.

import { frames, setPlaces } from "../src/trace.js";

/** What componentize-qjs says before the message of an error. */
const PREFIX = /^\W*Failed to evaluate.*? evaluation: (Error: )?/;

export function placed(message, code) {
  setPlaces(JSON.parse(/^globalThis\.__tollgatePlaces = (.*);$/m.exec(code)[1]));
  const lines = message.split("\n");
  const found = frames(message);
  const text = lines
    .filter((line) => !/^\s*at /.test(line))
    .join("\n")
    .replace(PREFIX, "")
    .trim();
  const stack = found.map(
    ({ name, file, line, column }) => `    at ${name || "the module"} (${file}:${line}:${column})`,
  );
  return [text, ...stack].join("\n");
}
