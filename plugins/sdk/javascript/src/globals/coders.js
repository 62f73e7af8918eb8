// TextEncoder and TextDecoder for UTF-8, after the Encoding Standard.

import { bytes as bytesOf } from "../check.js";
import { decode, encode } from "../text.js";

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return encode(String(text));
  }

  encodeInto(text, target) {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const bytes = encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

export class TextDecoder {
  #rest = new Uint8Array();
  #begun = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^\s*(unicode-1-1-|x-unicode20|unicode20)?utf-?8\s*$/i.test(label)) {
      throw new RangeError(`TextDecoder: there is UTF-8 alone, not "${label}"`);
    }
    Object.assign(this, { fatal, ignoreBOM });
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array(), { stream = false } = {}) {
    let bytes = bytesOf(input, "TextDecoder.decode: the input");
    if (this.#rest.length > 0) bytes = joined(this.#rest, bytes);
    const end = stream ? whole(bytes) : bytes.length;
    this.#rest = bytes.slice(end);
    let text = decode(bytes.subarray(0, end));
    if (text === undefined) {
      if (this.fatal) throw new TypeError("TextDecoder.decode: the input is not UTF-8");
      text = repaired(bytes.subarray(0, end));
    }
    const atBegin = !this.#begun;
    this.#begun = stream && (this.#begun || text.length > 0);
    return atBegin && !this.ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

function joined(a, b) {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** The bytes of a character by its first byte, and the range of its second byte. */
function shape(first) {
  if (first < 0x80) return [1, 0, 0];
  if (first >= 0xc2 && first <= 0xdf) return [2, 0x80, 0xbf];
  if (first >= 0xe0 && first <= 0xef) {
    return [3, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf];
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return [4, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf];
  }
  return [0, 0, 0];
}

/** How many bytes at `at` belong to one character, and whether the character is whole. */
function character(bytes, at) {
  const [size, low, high] = shape(bytes[at]);
  if (size <= 1) return { size: 1, good: size === 1, open: false };
  for (let i = 1; i < size; i++) {
    if (at + i >= bytes.length) return { size: i, good: false, open: true };
    const byte = bytes[at + i];
    const fits = i === 1 ? byte >= low && byte <= high : byte >= 0x80 && byte <= 0xbf;
    if (!fits) return { size: i, good: false, open: false };
  }
  return { size, good: true, open: false };
}

/** The length of the bytes without a character that is cut off at their end. */
function whole(bytes) {
  for (let at = Math.max(0, bytes.length - 3); at < bytes.length; at++) {
    if (bytes[at] >= 0xc2 && character(bytes, at).open) return at;
  }
  return bytes.length;
}

/** The text of bytes that are not all UTF-8: each wrong part becomes U+FFFD. */
function repaired(bytes) {
  let text = "";
  let good = 0;
  for (let at = 0; at < bytes.length;) {
    const found = character(bytes, at);
    if (!found.good) {
      text += `${decode(bytes.subarray(good, at))}\ufffd`;
      good = at + found.size;
    }
    at += found.size;
  }
  return text + decode(bytes.subarray(good));
}
