// The console: its lines are log lines of the attempt.

import { write } from "../log.js";
import { format } from "../inspect.js";

const begun = new Map();

const line =
  (level) =>
  (...values) =>
    write(level, format(values));

export const console = {
  log: line("info"),
  info: line("info"),
  debug: line("debug"),
  trace: line("trace"),
  warn: line("warn"),
  error: line("error"),
  dir: (value) => write("info", format([value])),
  table: (value) => write("info", format([value])),
  group: line("info"),
  groupCollapsed: line("info"),
  groupEnd: () => {},
  assert: (condition, ...values) => {
    if (!condition) write("error", `assertion failed: ${format(values)}`);
  },
  time: (name = "default") => begun.set(name, performance.now()),
  timeEnd: (name = "default") => {
    const from = begun.get(name);
    begun.delete(name);
    if (from !== undefined) write("info", `${name}: ${(performance.now() - from).toFixed(3)} ms`);
  },
};
