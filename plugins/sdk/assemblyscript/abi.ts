// The calls of the gateway, with the types that the canonical ABI gives to the interfaces of
// tollgate:handler. A text is an address and a length; a result with several parts is written to an
// address that the caller names. A build checks these types against the interface.

// @ts-ignore: decorator
@external("tollgate:handler/log@0.1.0", "log")
declare function wasmLog(level: i32, message: usize, size: usize, fields: usize, count: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/config@0.1.0", "get")
export declare function wasmConfigGet(key: usize, size: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/config@0.1.0", "entries")
export declare function wasmConfigEntries(result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/state@0.1.0", "get")
export declare function wasmStateGet(key: usize, size: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/state@0.1.0", "set")
export declare function wasmStateSet(key: usize, size: usize, value: usize, length: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/state@0.1.0", "delete")
export declare function wasmStateDelete(key: usize, size: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/state@0.1.0", "add")
export declare function wasmStateAdd(key: usize, size: usize, delta: i64, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/state@0.1.0", "list")
export declare function wasmStateList(prefix: usize, size: usize, hasAfter: i32, after: usize, afterSize: usize, limit: u32, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/outbox@0.1.0", "send")
export declare function wasmOutboxSend(method: usize, methodSize: usize, url: usize, urlSize: usize, headers: usize, count: usize, body: usize, bodySize: usize, hasOrder: i32, order: usize, orderSize: usize, hasRespond: i32, respond: usize, respondSize: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/emit@0.1.0", "emit")
export declare function wasmEmit(kind: usize, kindSize: usize, hasSubject: i32, subject: usize, subjectSize: usize, payload: usize, payloadSize: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/schedule@0.1.0", "put")
export declare function wasmSchedulePut(key: usize, keySize: usize, due: i32, millis: i64, kind: usize, kindSize: usize, hasSubject: i32, subject: usize, subjectSize: usize, payload: usize, payloadSize: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/schedule@0.1.0", "cancel")
export declare function wasmScheduleCancel(key: usize, size: usize, result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/resolved@0.1.0", "object")
export declare function wasmResolvedObject(result: usize): void;
// @ts-ignore: decorator
@external("tollgate:handler/resolved@0.1.0", "event")
export declare function wasmResolvedEvent(result: usize): void;

/** Bytes that cross: their address and length. Nothing is given back: an instance serves one event. */
export class Crossing {
  constructor(public at: usize, public size: usize) {}
}

/** Zeroed memory, aligned to 16. */
export function allocate(size: usize): usize {
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  return at;
}

/** A text as UTF-8. Halves of surrogate pairs become U+FFFD. */
export function lower(text: string): Crossing {
  const size = String.UTF8.byteLength(text);
  const at = allocate(size);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at, false, String.UTF8.ErrorMode.REPLACE);
  return new Crossing(at, size);
}

export function lowerBytes(bytes: Uint8Array): Crossing {
  return new Crossing(bytes.dataStart, bytes.length);
}

export function lowerPairs(pairs: string[][]): usize {
  const list = allocate(<usize>pairs.length * 16);
  for (let i = 0; i < pairs.length; i++) {
    const at = list + <usize>i * 16;
    const name = lower(pairs[i][0]);
    const value = lower(pairs[i][1]);
    store<u32>(at, name.at, 0);
    store<u32>(at, name.size, 4);
    store<u32>(at, value.at, 8);
    store<u32>(at, value.size, 12);
  }
  return list;
}

export function text(at: usize, size: usize): string {
  return String.UTF8.decodeUnsafe(at, size, false);
}

export function bytes(at: usize, size: usize): Uint8Array {
  const copy = new Uint8Array(<i32>size);
  memory.copy(copy.dataStart, at, size);
  return copy;
}

/** An optional text at an address; null if it is absent. */
export function optionalText(at: usize): string | null {
  return load<u8>(at) ? text(load<u32>(at, 4), load<u32>(at, 8)) : null;
}

export function pairs(at: usize): string[][] {
  const all: string[][] = [];
  let entry: usize = load<u32>(at);
  for (let left = load<u32>(at, 4); left > 0; left--) {
    all.push([text(load<u32>(entry), load<u32>(entry, 4)), text(load<u32>(entry, 8), load<u32>(entry, 12))]);
    entry += 16;
  }
  return all;
}

export function logLine(level: i32, message: string, fields: string[][]): void {
  const line = lower(message);
  wasmLog(level, line.at, line.size, lowerPairs(fields), fields.length);
}

/** The gateway asks for room, for the event and for what calls return. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const at = allocate(size);
  if (oldSize) memory.copy(at, old, min(oldSize, size));
  return at;
}

/** Where `throw`, failed assertions and checks of indexes end: the message reaches the attempt. */
export function abortHandler(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message ? message : "aborted";
  const where = file ? file : "?";
  logLine(4, `${what} at ${where}:${line}:${column}`, []);
  unreachable();
}

/** Where `trace` ends: a line in the log. */
export function traceHandler(message: string, count: i32, a: f64, b: f64, c: f64, d: f64, e: f64): void {
  const numbers = [a, b, c, d, e].slice(0, count).join(" ");
  logLine(1, count ? `${message} ${numbers}` : message, []);
}
