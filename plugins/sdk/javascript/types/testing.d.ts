// The types of the gateway in memory, for the tests of handlers in Node.

import type { Handle, Outcome, Reject, Retry } from "./index.js";

/** An event for `Host.run`. */
export interface RawEvent {
  id: string;
  kind: string;
  payload: Uint8Array;
  [field: string]: unknown;
}

/** A request that a handler queued. */
export interface SentRequest {
  key: string;
  method: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array;
  orderKey: string | null;
  respond: string | null;
  text(): string;
  json<T = any>(): T;
}

/** An event that a handler emitted. */
export interface EmittedEvent {
  kind: string;
  subject: string | null;
  payload: Uint8Array;
  json<T = any>(): T;
}

/** An entry of the schedule. */
export interface ScheduledEvent {
  kind: string;
  subject: string | null;
  payload: Uint8Array;
  dueMs: number;
}

/** One run of a handler. A run that failed has no effects. */
export interface Run {
  result: Outcome | Retry | Reject;
  sent: SentRequest[];
  emitted: EmittedEvent[];
  logs: { level: string; message: string; fields: [string, string][] }[];
}

/** A gateway in memory. */
export class Host {
  sent: SentRequest[];
  emitted: EmittedEvent[];
  scheduled: Map<string, ScheduledEvent>;
  nowMs: number;
  /** Sets a value of the handler's config. */
  config(key: string, value: unknown): this;
  /** Lets requests go to this origin, and to no others that are not named. */
  allow(origin: string): this;
  /** Sets what the provider's API tells of an event's object; undefined if it is gone. */
  resolve(event: RawEvent, object: unknown): this;
  /** Prepares the answer to the next `fetch` of this method and URL. */
  answer(
    method: string,
    url: string,
    answer: number | { status?: number; headers?: Record<string, string>; body?: unknown },
  ): this;
  /** Handles an event. Errors other than Retry and Reject are thrown. */
  run(handle: Handle, event: RawEvent): Promise<Run>;
  /** Lets time pass, and handles the scheduled events that become due. */
  advance(handle: Handle, ms: number): Promise<Run[]>;
  /** Handles the response to a request that asked for it. */
  respond(handle: Handle, request: SentRequest, status: number, body?: unknown): Promise<Run>;
  state<T = any>(key: string): T | undefined;
  keys(): string[];
  setState(key: string, value: unknown): this;
  counter(key: string): number | bigint;
}

/** An event whose payload is JSON. */
export function event(kind: string, value: unknown, fields?: Record<string, unknown>): RawEvent;
/** The event that tells how a request ended. */
export function response(request: SentRequest, status: number, body?: unknown): RawEvent;
/** Every order of a few events. */
export function orders<T>(events: readonly T[]): T[][];
