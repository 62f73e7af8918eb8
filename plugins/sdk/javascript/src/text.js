// Texts and bytes. QuickJS has no TextDecoder, and a loop over characters is slow in it. So the
// work is done by functions of the engine: base64 gives one character for each byte.

/** Characters that are made at a time, so that no step needs much memory. */
const STEP = 3 << 14;

/** A text of one character for each byte. */
const latin1 = Uint8Array.prototype.toBase64
  ? (bytes) => atob(bytes.toBase64())
  : (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** The bytes of a text of one character for each byte. Throws if a character is above 255. */
const fromLatin1 = Uint8Array.fromBase64
  ? (text) => Uint8Array.fromBase64(btoa(text))
  : (text) => Uint8Array.from(atob(btoa(text)), (character) => character.charCodeAt(0));

/**
 * The text of UTF-8 bytes, or undefined if the bytes are not UTF-8. Most payloads are ASCII, which
 * needs no decoding.
 */
export function decode(bytes) {
  const text = bytes.length <= STEP ? latin1(bytes) : inSteps(bytes);
  if (isAscii(bytes)) return text;
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return undefined;
  }
}

function inSteps(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP) text += latin1(bytes.subarray(at, at + STEP));
  return text;
}

/** The UTF-8 bytes of a text. Half a surrogate pair becomes U+FFFD, as the standard asks. */
export function encode(text) {
  try {
    const bytes = fromLatin1(text);
    if (isAscii(bytes)) return bytes;
  } catch {
    // A character is above 255.
  }
  // `encodeURIComponent` gives ASCII, of which `unescape` makes one character for each byte.
  return fromLatin1(unescape(encodeURIComponent(text.toWellFormed())));
}

/** Whether all bytes are below 128. Looks at 32 bytes a step. */
export function isAscii(bytes) {
  if (bytes.byteOffset % 4 !== 0) return rest(bytes, 0) < 128;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const whole = words.length & ~7;
  let seen = 0;
  for (let i = 0; i < whole; i += 8) {
    seen |=
      words[i] |
      words[i + 1] |
      words[i + 2] |
      words[i + 3] |
      words[i + 4] |
      words[i + 5] |
      words[i + 6] |
      words[i + 7];
  }
  return (seen & 0x80808080) === 0 && rest(bytes, whole * 4) < 128;
}

function rest(bytes, from) {
  let seen = 0;
  for (let i = from; i < bytes.length; i++) seen |= bytes[i];
  return seen;
}
