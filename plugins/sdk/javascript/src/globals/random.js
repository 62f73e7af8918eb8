// Random numbers and clocks that are right in every instance. The engine seeds `Math.random` once,
// when the component is built, so each delivery would see the same numbers.

import clock from "wasi:clocks/monotonic-clock@0.2.0";
import random from "wasi:random/random@0.2.0";

/** The most bytes of one call of `getRandomValues`, as in browsers. */
const MAX_BYTES = 65536;

/** False while the component is built: what is random then would be the same for all deliveries. */
let running = false;

export function begin() {
  running = true;
}

/** The state of the generator of `Math.random`; made in each instance when it is needed. */
let seed;

/** A number from 0 to 1, by the generator xoroshiro64** over two 32-bit words. */
function mathRandom() {
  seed ??= fresh(16, "Math.random()");
  return (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
}

function fresh(length, name) {
  const bytes = randomBytes(length, name);
  return new Uint32Array(bytes.slice().buffer);
}

/** One 32-bit word of the generator (Marsaglia's xorshift128). */
function next() {
  let t = seed[3];
  const s = seed[0];
  seed[3] = seed[2];
  seed[2] = seed[1];
  seed[1] = s;
  t ^= t << 11;
  t ^= t >>> 8;
  seed[0] = t ^ s ^ (s >>> 19);
  return seed[0] >>> 0;
}

function randomBytes(length, name) {
  if (!running) {
    throw new Error(
      `${name} runs while the component is built, outside the handler: each delivery would get ` +
        "the same value. Call it while an event is handled",
    );
  }
  return random.getRandomBytes(length);
}

function getRandomValues(array) {
  if (
    !ArrayBuffer.isView(array) ||
    array instanceof DataView ||
    array instanceof Float64Array ||
    array instanceof Float32Array
  ) {
    throw new TypeError("crypto.getRandomValues takes an array of integers, such as a Uint8Array");
  }
  if (array.byteLength > MAX_BYTES) {
    throw new RangeError(`crypto.getRandomValues gives at most ${MAX_BYTES} bytes at a time`);
  }
  const bytes = randomBytes(array.byteLength, "crypto.getRandomValues()");
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes);
  return array;
}

/** A random UUID, version 4. */
function randomUUID() {
  const bytes = randomBytes(16, "crypto.randomUUID()").slice();
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export const chance = { mathRandom, crypto: { getRandomValues, randomUUID } };

/** Milliseconds since the run began, with fractions. */
export const now = () => clock.now() / 1e6;
