// Timers. A handler does not wait: a timer without a delay runs with the promise jobs, and any
// other is an error that says what to write instead.

import { enqueue } from "./promise.js";

let last = 0;
const cleared = new Set();

function immediately(name, work, values) {
  if (typeof work !== "function") throw new TypeError(`${name} takes a function`);
  const id = ++last;
  enqueue(() => {
    if (!cleared.delete(id)) work(...values);
  });
  return id;
}

function setTimeout(work, delay = 0, ...values) {
  if (Number(delay) > 0) {
    throw new TypeError(
      `setTimeout(…, ${delay}): a handler does not wait. For a later time use schedule.put; for ` +
        "another attempt throw new Retry",
    );
  }
  return immediately("setTimeout", work, values);
}

function clear(id) {
  if (id !== undefined && id !== null) cleared.add(id);
}

export const timers = {
  setTimeout,
  clearTimeout: clear,
  setImmediate: (work, ...values) => immediately("setImmediate", work, values),
  clearImmediate: clear,
  setInterval: () => {
    throw new TypeError("setInterval: a handler ends with its event. Use schedule.put");
  },
  clearInterval: clear,
  queueMicrotask: (work) => {
    if (typeof work !== "function") throw new TypeError("queueMicrotask takes a function");
    enqueue(work);
  },
};
