// The calls to the gateway. In WebAssembly they are the imports of the component; in tests they go
// to a gateway in memory.

const missing = new Proxy(
  {},
  {
    get(_, name) {
      throw new Error(
        `there is no gateway here (${String(name)}): a handler calls it while it handles an ` +
          "event; tests use Host of tollgate-handler/testing",
      );
    },
  },
);

/** The gateway that calls go to at the moment. */
export let host = missing;

/** Lets calls go to `next` from now on; to no gateway if it is absent. Returns the one before. */
export function use(next) {
  const before = host;
  host = next ?? missing;
  return before;
}
