// Handlers for Tollgate, a gateway for payment webhooks.

export * as config from "./config.js";
export * as emit from "./emit.js";
export * as log from "./log.js";
export * as outbox from "./outbox.js";
export * as resolved from "./resolved.js";
export * as schedule from "./schedule.js";
export * as state from "./state.js";
export * as stripe from "./stripe.js";
export { Event } from "./event.js";
export { handler } from "./handler.js";
export { parse, stringify } from "./json.js";
export { done, ignored, Outcome } from "./outcome.js";
export { Response } from "./response.js";
export {
  ConfigError,
  EmitError,
  FetchError,
  NoAnswerError,
  OutboxError,
  PayloadError,
  Reject,
  Retry,
  ScheduleError,
  StateError,
} from "./errors.js";
