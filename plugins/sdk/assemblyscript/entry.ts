// What the component exports.
import { onEvent } from "../handler";
import { answerAt, eventAt } from "./index";

export { cabi_realloc } from "./abi";

export function handle(at: usize): usize {
  return answerAt(onEvent(eventAt(at)));
}
