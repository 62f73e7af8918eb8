// The types of handlers for Tollgate. Times are milliseconds, all texts are UTF-8.

/** A value that JSON can hold. A BigInt is written as an integer. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** Bytes. A text stands for its UTF-8. */
export type Bytes = Uint8Array | ArrayBuffer | ArrayBufferView | string | readonly number[];

/** A duration: milliseconds, or a text such as "30s", "15m", "2h", "3d". */
export type Duration = number | string;

/** Pairs of name and value. */
export type Pairs =
  | Readonly<Record<string, string | number | bigint | boolean>>
  | ReadonlyMap<string, string>
  | readonly (readonly [string, string])[];

/** How JSON is read. */
export interface JsonOptions {
  /**
   * What becomes of an integer beyond 2^53, which a number cannot hold: `"bigint"` (the default),
   * `"text"` (its digits) or `"number"` (rounded).
   */
  integers?: "bigint" | "text" | "number";
}

/** An event whose signature the gateway verified and which it recorded durably. */
export class Event {
  /** The gateway's id of the event, a UUID: the same for every attempt and every replay. */
  readonly id: string;
  /** The source that received the event; `handler:NAME` for an emitted or scheduled event. */
  readonly source: string;
  /** The provider's own id, such as `evt_…`. */
  readonly providerId: string | null;
  /** The event type in the provider's words, such as `payment_intent.succeeded`. */
  readonly kind: string;
  /** The id of the object that the event is about. */
  readonly subject: string | null;
  /** The connected account or merchant that the event belongs to. */
  readonly account: string | null;
  /** The time at which the event happened, by the provider. */
  readonly createdMs: number | null;
  /** The time at which the gateway received the event. */
  readonly receivedMs: number;
  /** The number of this attempt. The first attempt is 1. */
  readonly attempt: number;
  /** True if an operator asked for a replay. */
  readonly replay: boolean;
  /** The recorded request headers: pairs of name (in lower case) and value. */
  readonly headers: readonly (readonly [string, string])[];
  /** Facts that the gateway adds: pairs of name and value. */
  readonly metadata: readonly (readonly [string, string])[];
  /** The exact bytes of the event, as the provider sent them. */
  readonly payload: Uint8Array;
  /** The key under which the handler scheduled this event. */
  readonly scheduled: string | undefined;
  /** The payload as text. Throws a `PayloadError` if it is not UTF-8. */
  text(): string;
  /** The payload as JSON. Throws a `PayloadError` if it is none. */
  json<T = any>(options?: JsonOptions): T;
  /** The first recorded header of this name. */
  header(name: string): string | undefined;
  /** A value of the event's metadata, such as `emitted-by`. */
  fact(name: string): string | undefined;
  /** The response that this event carries, if it is an `outbox.response`. */
  response(): Response | undefined;
}

/** The end of a request that asked for its response with `respond`. */
export class Response {
  readonly outcome: "sent" | "dead";
  readonly idempotencyKey: string;
  /** The text that the handler passed to `respond`. */
  readonly correlation: string;
  readonly status: number | null;
  readonly headers: readonly (readonly [string, string])[];
  /** True if a part of the headers or of the body is missing. */
  readonly truncated: boolean;
  /** The number of times that the request was sent. */
  readonly tries: number;
  readonly error: string | null;
  /** Whether a response with a 2xx status arrived. */
  readonly isSuccess: boolean;
  header(name: string): string | undefined;
  body(): Uint8Array;
  text(): string;
  json<T = any>(options?: JsonOptions): T;
}

/** The result of a handler. Made by `done` and `ignored`. */
export class Outcome {
  private constructor();
  readonly tag: "done" | "ignored";
  readonly reason?: string;
}

/** The handler acted on the event. The gateway commits its effects. */
export function done(): Outcome;
/** The event needs no action. The gateway commits the run's effects too. */
export function ignored(reason: string): Outcome;

/** A function that handles an event. */
export type Handle = (event: Event) => Outcome | Promise<Outcome>;

/**
 * Makes a handler of a function, or of a table from event types to functions. A type may have `*`
 * for any characters. An event that nothing fits is ignored.
 */
export function handler(table: Handle | Readonly<Record<string, Handle>>): Handle;

/** Throw it to ask for another attempt. None of the run's effects happens. */
export class Retry extends Error {
  constructor(reason: string, options?: { after?: Duration });
  readonly afterMs: number | null;
}

/** Throw it to make the delivery a dead letter. None of the run's effects happens. */
export class Reject extends Error {
  constructor(reason: string);
}

/** An error of a call. It rejects the delivery unless the handler catches it. */
declare class CallError extends Reject {
  /** The kind of the problem, such as `too-large`. */
  readonly problem?: string;
}
export class PayloadError extends CallError {}
export class StateError extends CallError {}
export class OutboxError extends CallError {}
/** A request of `fetch` is malformed, or the gateway denied it. */
export class FetchError extends CallError {}
/** A request of `fetch` was not answered. */
export class NoAnswerError extends Retry {
  readonly problem: "timeout" | "no-answer";
}
export class EmitError extends CallError {}
export class ScheduleError extends CallError {}
export class ConfigError extends CallError {}

/** Reads JSON without rounding integers. */
export function parse<T = any>(text: string, options?: JsonOptions): T;
/** Writes JSON. Refuses NaN and Infinity; a BigInt becomes an integer. */
export function stringify(value: unknown): string;

/** Durable keys and values of this handler alone. A key has 1 to 512 bytes. */
export namespace state {
  /** The value of a key, or undefined. */
  export function get<T = any>(key: string, options?: JsonOptions): T | undefined;
  /** Sets the value of a key, as JSON. */
  export function set(key: string, value: unknown): void;
  /** Whether a key has a value. */
  export function contains(key: string): boolean;
  /** Removes a key. An absent key is no error. */
  function remove(key: string): void;
  export { remove as delete };
  /** All entries whose keys begin with `prefix`, in byte order of their keys. */
  export function list<T = any>(prefix: string, options?: JsonOptions): [string, T][];
  /** Adds a whole number to a counter. Never conflicts with other deliveries. */
  export function add(key: string, delta: number | bigint): void;
  /** The value of a counter; 0 if the key is absent; a BigInt beyond 2^53. */
  export function counter(key: string): number | bigint;
  /** The bytes of a key, or undefined. */
  export function getBytes(key: string): Uint8Array | undefined;
  /** Sets a key to bytes. */
  export function setBytes(key: string, value: Bytes): void;
  /** At most `limit` (1,000) entries that come after the key `after`. */
  export function listBytes(
    prefix: string,
    options?: { after?: string; limit?: number },
  ): [string, Uint8Array][];
}

/** HTTP requests that the gateway sends after the commit. Each call returns an idempotency key. */
export namespace outbox {
  /** At most one of `json`, `form` and `body`. */
  export interface Options {
    /** A JSON body, with its content type. */
    json?: unknown;
    /** A form body, with its content type. */
    form?: Pairs;
    /** A body of any bytes. */
    body?: Bytes;
    headers?: Pairs;
    /** Requests with the same key go out one after another, in the order of their commits. */
    orderKey?: string;
    /** Asks for the response, as an event of type `outbox.response` with this text. */
    respond?: string;
  }
  export function post(url: string | { readonly href: string }, options?: Options): string;
  export function put(url: string | { readonly href: string }, options?: Options): string;
  function remove(url: string | { readonly href: string }, options?: Options): string;
  export { remove as delete };
  export function request(
    method: string,
    url: string | { readonly href: string },
    options?: Options,
  ): string;
}

/** New events that a handler makes, for the manifest's routes. */
export namespace emit {
  /** Emits an event when the delivery commits. Returns the id of the future event. */
  export function event(
    kind: string,
    options?: { subject?: string; json?: unknown; payload?: Bytes },
  ): string;
}

/** Events that a handler sends to itself at a later time, at most 400 days ahead. */
export namespace schedule {
  export interface Entry {
    /** The event type, such as `reminder.due`. */
    kind: string;
    /** The time after the commit at which the event is due. One of `after` and `at`. */
    after?: Duration;
    /** The time of day at which the event is due: a Date, or milliseconds since the Unix epoch. */
    at?: Date | number;
    subject?: string;
    json?: unknown;
    payload?: Bytes;
  }
  /** Puts an entry when the delivery commits. Replaces the entry of the same key. */
  export function put(key: string, entry: Entry): void;
  /** Removes the entry of a key when the delivery commits. */
  export function cancel(key: string): void;
}

/** What the provider's API told about a thin event. */
export namespace resolved {
  export interface Answer {
    /** The time at which the gateway read the answer. */
    readonly readMs: number;
    /** The JSON of the answer; undefined if the thing is gone. */
    readonly body: Uint8Array | undefined;
    json<T = any>(event: Event, options?: JsonOptions): T | undefined;
  }
  export function object(): Answer | undefined;
  export function event(): Answer | undefined;
}

/** The handler's `config` table in the manifest. */
export namespace config {
  export function get(key: string): string | undefined;
  /** The value as text. Throws a `ConfigError` if it is not set. */
  function required(key: string): string;
  export { required as require };
  export function number(key: string): number | undefined;
  export function boolean(key: string): boolean | undefined;
  export function json<T = any>(key: string): T | undefined;
  export function entries(): [string, string][];
}

/** Log lines. The gateway keeps them with the attempt. */
export namespace log {
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  export type Fields = Readonly<Record<string, unknown>>;
  export function write(level: Level, message: unknown, fields?: Fields): void;
  export function trace(message: unknown, fields?: Fields): void;
  export function debug(message: unknown, fields?: Fields): void;
  export function info(message: unknown, fields?: Fields): void;
  export function warn(message: unknown, fields?: Fields): void;
  export function error(message: unknown, fields?: Fields): void;
}

/** Stripe's events, in both of their forms. */
export namespace stripe {
  export interface Envelope<T> {
    id: string;
    kind: string;
    /** Seconds since the Unix epoch. */
    created: number;
    livemode: boolean | undefined;
    account: string | undefined;
    /** The object; undefined if the event is thin and Stripe no longer has it. */
    object: T | undefined;
    /** When the object was read from Stripe's API; undefined if it came with the event. */
    readMs: number | undefined;
  }
  /** The event type in the words of snapshot events, for thin events too. */
  export function kind(event: Event): string;
  export function read<T = any>(event: Event): Envelope<T>;
  /** The id of a reference, which is an id or an expanded object. */
  export function idOf(reference: unknown): string | undefined;
  /** The reason to ignore an event of the other mode, by the config's `livemode`. */
  export function otherMode(envelope: Envelope<unknown>): string | undefined;
}
