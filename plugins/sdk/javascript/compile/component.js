// Makes a component of a bundle: componentize-qjs runs its top-level code and keeps the result.

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { placed } from "./places.js";
import { Problem } from "./problem.js";
import { componentize } from "./tools.js";

/** What the code of a handler has that uses `fetch`. */
const ASKS = "tollgate:ask/http@";

const SDK = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The bytes of the component. */
export async function component(code, entry) {
  try {
    const made = await componentize({
      witPath: `${SDK}/wit`,
      world: `tollgate:javascript/${code.includes(ASKS) ? "asking-handler" : "handler"}`,
      jsSource: code,
      // Without it the component needs the component model's async functions.
      sync: true,
      // Never stubbed: clocks and random numbers would repeat, and no error would be seen.
      stubWasi: false,
    });
    return made.component;
  } catch (error) {
    throw new Problem(
      `${entry}: the handler fails as it is loaded:\n${placed(error.message, code)}`,
    );
  }
}
