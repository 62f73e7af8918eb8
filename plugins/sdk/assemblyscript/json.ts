// JSON, read by JSON pointers. Integers are exact up to 64 bits.

const MAX_DEPTH = 128;

/** A reader of a JSON text. */
class Reader {
  at: i32 = 0;

  constructor(public bytes: Uint8Array) {}

  /** The byte at hand; 0 at the end. */
  peek(): u8 {
    return this.at < this.bytes.length ? this.bytes[this.at] : 0;
  }

  spaces(): void {
    while (this.peek() == 0x20 || this.peek() == 0x09 || this.peek() == 0x0a || this.peek() == 0x0d) this.at++;
  }

  take(c: u8): bool {
    if (this.peek() != c || c == 0) return false;
    this.at++;
    return true;
  }

  /** Goes behind a string. */
  string(): bool {
    if (!this.take(0x22)) return false;
    while (this.at < this.bytes.length) {
      const c = this.bytes[this.at++];
      if (c == 0x22) return true;
      if (c < 0x20) return false;
      if (c == 0x5c && this.at++ >= this.bytes.length) return false;
    }
    return false;
  }

  word(text: string): bool {
    for (let i = 0; i < text.length; i++) if (!this.take(<u8>text.charCodeAt(i))) return false;
    return true;
  }

  digits(): bool {
    const from = this.at;
    while (this.peek() >= 0x30 && this.peek() <= 0x39) this.at++;
    return this.at > from;
  }

  number(): bool {
    this.take(0x2d);
    if (!this.take(0x30) && !this.digits()) return false;
    if (this.take(0x2e) && !this.digits()) return false;
    if (this.take(0x65) || this.take(0x45)) {
      if (!this.take(0x2b)) this.take(0x2d);
      return this.digits();
    }
    return true;
  }

  /** Goes behind a value. */
  value(depth: i32): bool {
    if (depth > MAX_DEPTH) return false;
    this.spaces();
    const open = this.peek();
    if (open == 0x22) return this.string();
    if (open == 0x74) return this.word("true");
    if (open == 0x66) return this.word("false");
    if (open == 0x6e) return this.word("null");
    if (open != 0x7b && open != 0x5b) return this.number();
    const close: u8 = open == 0x7b ? 0x7d : 0x5d;
    this.at++;
    this.spaces();
    if (this.take(close)) return true;
    do {
      if (open == 0x7b && !this.key()) return false;
      if (!this.value(depth + 1)) return false;
      this.spaces();
    } while (this.take(0x2c));
    return this.take(close);
  }

  /** Goes behind a key and its colon. */
  key(): bool {
    this.spaces();
    if (!this.string()) return false;
    this.spaces();
    return this.take(0x3a);
  }

  /** Goes to a member of an object. The last one of a name counts. */
  member(name: string): bool {
    let found = -1;
    if (!this.take(0x7b)) return false;
    this.spaces();
    if (this.take(0x7d)) return false;
    do {
      this.spaces();
      const from = this.at;
      if (!this.string()) return false;
      const same = decoded(this.bytes, from, this.at) == name;
      this.spaces();
      if (!this.take(0x3a)) return false;
      this.spaces();
      if (same) found = this.at;
      if (!this.value(0)) return false;
      this.spaces();
    } while (this.take(0x2c));
    if (!this.take(0x7d) || found < 0) return false;
    this.at = found;
    return true;
  }

  /** Goes to an item of an array. */
  item(index: i32): bool {
    if (!this.take(0x5b)) return false;
    this.spaces();
    for (; index > 0; index--) {
      if (!this.value(0)) return false;
      this.spaces();
      if (!this.take(0x2c)) return false;
      this.spaces();
    }
    return true;
  }
}

/** The text of a string in its quotes; null if an escape is wrong. */
function decoded(bytes: Uint8Array, from: i32, to: i32): string | null {
  let raw = String.UTF8.decodeUnsafe(bytes.dataStart + from + 1, to - from - 2, false);
  if (!raw.includes("\\")) return raw;
  let text = "";
  for (let i = 0; i < raw.length; i++) {
    if (raw.charCodeAt(i) != 0x5c) {
      text += raw.charAt(i);
      continue;
    }
    const c = raw.charAt(++i);
    if (c == "n") text += "\n";
    else if (c == "t") text += "\t";
    else if (c == "r") text += "\r";
    else if (c == "b") text += "\b";
    else if (c == "f") text += "\f";
    else if (c == '"' || c == "\\" || c == "/") text += c;
    else if (c == "u") {
      let code = 0;
      for (let digit = 0; digit < 4; digit++) {
        const value = hex(raw.charCodeAt(++i));
        if (value < 0) return null;
        code = (code << 4) | value;
      }
      text += String.fromCharCode(code);
    } else return null;
  }
  return text;
}

function hex(code: i32): i32 {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  return -1;
}

export namespace json {
  /** The JSON text of the value at a pointer such as /data/object/id; null if there is none. */
  export function find(bytes: Uint8Array, pointer: string): Uint8Array | null {
    const reader = new Reader(bytes);
    reader.spaces();
    const parts = pointer.split("/");
    for (let i = 1; i < parts.length; i++) {
      const name = parts[i].replaceAll("~1", "/").replaceAll("~0", "~");
      const found = reader.peek() == 0x5b ? reader.item(I32.parseInt(name)) : reader.member(name);
      if (!found) return null;
      reader.spaces();
    }
    const from = reader.at;
    return reader.value(0) ? bytes.slice(from, reader.at) : null;
  }

  /** The text at a pointer; null if there is none, or a value of another type. */
  export function text(bytes: Uint8Array, pointer: string): string | null {
    const raw = find(bytes, pointer);
    return raw && raw[0] == 0x22 ? decoded(raw, 0, raw.length) : null;
  }

  /** Whether the value at a pointer is an integer of 64 bits. */
  export function isInteger(bytes: Uint8Array, pointer: string): bool {
    const raw = find(bytes, pointer);
    if (!raw) return false;
    const text = String.UTF8.decode(raw.buffer);
    return I64.parseInt(text).toString() == text;
  }

  /** The integer at a pointer. Ask isInteger first: without one, this throws. */
  export function integer(bytes: Uint8Array, pointer: string): i64 {
    if (!isInteger(bytes, pointer)) throw new Error(`there is no integer at ${pointer}`);
    return I64.parseInt(String.UTF8.decode(find(bytes, pointer)!.buffer));
  }

  /** A text as a JSON string, in quotes. */
  export function quoted(text: string): string {
    let out = '"';
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code == 0x22 || code == 0x5c) out += "\\" + text.charAt(i);
      else if (code < 0x20) out += "\\u00" + (code < 16 ? "0" : "") + code.toString(16);
      else out += text.charAt(i);
    }
    return out + '"';
  }
}
