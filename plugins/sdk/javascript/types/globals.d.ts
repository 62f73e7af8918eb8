// The global names of a handler beside those of the language itself. A project names this file in
// its tsconfig.json. There is no file and no timer with a delay: a use of them is underlined in the
// editor.

declare const console: Record<
  "log" | "info" | "debug" | "trace" | "warn" | "error" | "dir" | "table" | "group" | "groupEnd",
  (...values: unknown[]) => void
> & {
  assert(condition: unknown, ...values: unknown[]): void;
  time(name?: string): void;
  timeEnd(name?: string): void;
};

/** The answer to a `fetch`, of any status. */
interface FetchAnswer {
  readonly status: number;
  /** Whether the status is 2xx. */
  readonly ok: boolean;
  readonly url: string;
  readonly headers: {
    /** The values of a header, joined; null without the header. */
    get(name: string): string | null;
    has(name: string): boolean;
    forEach(each: (value: string, name: string) => void): void;
    entries(): IterableIterator<[string, string]>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
  };
  text(): Promise<string>;
  /** As `Event.json`: an integer beyond 2^53 is a BigInt unless `integers` says otherwise. */
  json<T = any>(options?: { integers?: "bigint" | "text" | "number" }): Promise<T>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * Sends a request now, and waits for the whole answer. The manifest grants the origin by
 * `[[handlers.NAME.allow]]` with `immediate = true`. At least once: a request is no effect. Redirects
 * are not followed. Throws a FetchError (a Reject) if the request is denied, a NoAnswerError (a
 * Retry) if it is not answered.
 */
declare function fetch(
  url: string | URL,
  options?: {
    method?: string;
    headers?: Record<string, string> | Map<string, string> | [string, string][];
    body?: string | Uint8Array | ArrayBuffer | URLSearchParams | null;
    /** The longest wait: milliseconds, or a text such as "500ms". */
    timeout?: number | string;
    redirect?: "manual";
  },
): Promise<FetchAnswer>;

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: "utf-8";
  decode(input?: Uint8Array | ArrayBuffer, options?: { stream?: boolean }): string;
}

declare class URL {
  constructor(url: string, base?: string | URL);
  static canParse(url: string, base?: string): boolean;
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toJSON(): string;
  toString(): string;
}

declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | string[][] | URLSearchParams);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare function structuredClone<T>(value: T): T;
declare function queueMicrotask(work: () => void): void;
declare function atob(text: string): string;
declare function btoa(text: string): string;

declare const crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
};

declare const performance: {
  /** Milliseconds since the run began. */
  now(): number;
  readonly timeOrigin: 0;
};
