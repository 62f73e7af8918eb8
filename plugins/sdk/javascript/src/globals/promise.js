// Promises whose jobs the SDK runs itself.
//
// The gateway calls a handler and waits for its answer. QuickJS runs no promise job during such a
// call, and none afterwards: what follows an `await` would never run. So this class takes the place
// of the engine's own, with a queue that `drain` works off. The build turns every async function
// into a generator over the global `Promise`, so no promise of the engine is left.

/** Jobs that wait. */
let jobs = [];

/** Rejected promises that nobody has handled yet. */
const unhandled = new Set();

/** Adds a job to the queue. */
export function enqueue(job) {
  jobs.push(job);
}

/** Runs the jobs that wait, and those that they add. */
export function drain() {
  for (let at = 0; at < jobs.length; at++) {
    const job = jobs[at];
    jobs[at] = undefined;
    job();
    if (at === 1023) {
      jobs = jobs.slice(1024);
      at = -1;
    }
  }
  jobs = [];
}

/** Takes the reasons of rejected promises that nobody handled. */
export function takeUnhandled() {
  if (unhandled.size === 0) return [];
  const reasons = [...unhandled].map((promise) => stateOf(promise).value);
  unhandled.clear();
  return reasons;
}

/** The state of a promise: `status` is "pending", "fulfilled" or "rejected". */
export function stateOf(promise) {
  return promise[STATE];
}

const STATE = Symbol("state");

class Promise {
  constructor(executor) {
    if (typeof executor !== "function") {
      throw new TypeError("new Promise(…) takes a function");
    }
    Object.defineProperty(this, STATE, {
      value: { status: "pending", value: undefined, reactions: [], handled: false },
    });
    const { resolve, reject } = resolvers(this);
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  then(onFulfilled, onRejected) {
    const state = this[STATE];
    const next = capability(speciesOf(this));
    const reaction = {
      fulfilled: job(onFulfilled, next, next.resolve),
      rejected: job(onRejected, next, next.reject),
    };
    if (state.status === "pending") {
      state.reactions.push(reaction);
    } else {
      enqueue(() => reaction[state.status](state.value));
    }
    if (!state.handled) {
      state.handled = true;
      unhandled.delete(this);
    }
    return next.promise;
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(onFinally) {
    if (typeof onFinally !== "function") return this.then(onFinally, onFinally);
    const C = speciesOf(this);
    return this.then(
      (value) => C.resolve(onFinally()).then(() => value),
      (reason) =>
        C.resolve(onFinally()).then(() => {
          throw reason;
        }),
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }

  static get [Symbol.species]() {
    return this;
  }

  static resolve(value) {
    if (value instanceof Promise && value.constructor === this) return value;
    const { promise, resolve } = capability(this);
    resolve(value);
    return promise;
  }

  static reject(reason) {
    const { promise, reject } = capability(this);
    reject(reason);
    return promise;
  }

  static withResolvers() {
    const { promise, resolve, reject } = capability(this);
    return { promise, resolve, reject };
  }

  static try(work, ...values) {
    return new this((resolve) => resolve(work(...values)));
  }

  static all(values) {
    return collect(this, values, (settle) => ({
      fulfilled: (value, at) => settle.one(at, value),
      rejected: settle.reject,
    }));
  }

  static allSettled(values) {
    return collect(this, values, (settle) => ({
      fulfilled: (value, at) => settle.one(at, { status: "fulfilled", value }),
      rejected: (reason, at) => settle.one(at, { status: "rejected", reason }),
    }));
  }

  static any(values) {
    const wrong = (errors) => new AggregateError(errors, "all promises were rejected");
    return collect(
      this,
      values,
      (settle) => ({ fulfilled: settle.resolve, rejected: (why, at) => settle.one(at, why) }),
      (settle, errors) => settle.reject(wrong(errors)),
    );
  }

  static race(values) {
    return new this((resolve, reject) => {
      for (const value of values) this.resolve(value).then(resolve, reject);
    });
  }
}

/** The functions that settle a promise. The first call of either counts. */
function resolvers(promise) {
  let called = false;
  const once = (settle) => (value) => {
    if (called) return;
    called = true;
    settle(value);
  };
  return {
    resolve: once((value) => resolve(promise, value)),
    reject: once((reason) => settle(promise, "rejected", reason)),
  };
}

function resolve(promise, value) {
  if (value === promise) {
    settle(promise, "rejected", new TypeError("a promise cannot be resolved with itself"));
    return;
  }
  if (value === null || (typeof value !== "object" && typeof value !== "function")) {
    settle(promise, "fulfilled", value);
    return;
  }
  let then;
  try {
    then = value.then;
  } catch (error) {
    settle(promise, "rejected", error);
    return;
  }
  if (typeof then === "function") enqueue(() => follow(promise, value, then));
  else settle(promise, "fulfilled", value);
}

function follow(promise, thenable, then) {
  const { resolve: fulfil, reject } = resolvers(promise);
  try {
    then.call(thenable, fulfil, reject);
  } catch (error) {
    reject(error);
  }
}

function settle(promise, status, value) {
  const state = promise[STATE];
  const reactions = state.reactions;
  Object.assign(state, { status, value, reactions: undefined });
  if (status === "rejected" && !state.handled) unhandled.add(promise);
  for (const reaction of reactions) enqueue(() => reaction[status](value));
}

/** A reaction: runs `handle`, if it is a function, and settles the next promise by its result. */
function job(handle, next, otherwise) {
  if (typeof handle !== "function") return otherwise;
  return (value) => {
    let result;
    try {
      result = handle(value);
    } catch (error) {
      next.reject(error);
      return;
    }
    next.resolve(result);
  };
}

/** A new promise of a class, with the functions that settle it. */
function capability(C) {
  if (C === Promise) {
    const promise = new Promise(() => {});
    return { promise, ...resolvers(promise) };
  }
  let resolve;
  let reject;
  const promise = new C((a, b) => {
    resolve = a;
    reject = b;
  });
  return { promise, resolve, reject };
}

function speciesOf(promise) {
  return promise.constructor?.[Symbol.species] ?? Promise;
}

/** Follows several promises. `one` notes a value; the last one ends the whole. */
function collect(C, values, reactions, end = (settle, all) => settle.resolve(all)) {
  return new C((resolve, reject) => {
    const all = [];
    let open = 1;
    const close = () => {
      open--;
      if (open === 0) end({ resolve, reject }, all);
    };
    const one = (at, value) => {
      all[at] = value;
      close();
    };
    const { fulfilled, rejected } = reactions({ one, resolve, reject });
    let index = 0;
    for (const value of values) {
      const at = index++;
      all[at] = undefined;
      open++;
      C.resolve(value).then(
        (result) => fulfilled(result, at),
        (reason) => rejected(reason, at),
      );
    }
    close();
  });
}

export { Promise };
