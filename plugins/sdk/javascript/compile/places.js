// The places of a stack in the sources, for errors while the component is built.

import { frames, setMap } from "../src/trace.js";

export function placed(message, code) {
  setMap(JSON.parse(/^globalThis\.__tollgateMap = (.*);$/m.exec(code)[1]));
  const lines = message.split("\n");
  const found = frames(message);
  const text = lines.filter((line) => !/^\s*at /.test(line)).join("\n").trim();
  const stack = found.map(({ name, file, line, column }) => `    at ${name || "the module"} (${file}:${line}:${column})`);
  return [text, ...stack].join("\n");
}
