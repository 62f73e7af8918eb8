// The global names of a handler beside those of the language itself. A project names this file in
// its tsconfig.json. There is no `fetch`, no file and no timer with a delay: a use of them is
// underlined in the editor.

declare const console: Record<
  "log" | "info" | "debug" | "trace" | "warn" | "error" | "dir" | "table" | "group" | "groupEnd",
  (...values: unknown[]) => void
> & {
  assert(condition: unknown, ...values: unknown[]): void;
  time(name?: string): void;
  timeEnd(name?: string): void;
};

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
