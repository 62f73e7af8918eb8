import assert from "node:assert/strict";
import { test } from "node:test";

import { TextDecoder as Decoder, TextEncoder as Encoder } from "../src/globals/coders.js";
import { decode, encode, isAscii } from "../src/text.js";

const TEXTS = ["", "a", "ä€😀", "é".repeat(70_000), "x".repeat(100_001), `${"x".repeat(49_151)}ä`];

test("texts come back as they went", () => {
  for (const text of TEXTS) {
    const bytes = encode(text);
    assert.deepEqual(bytes, new TextEncoder().encode(text));
    assert.equal(decode(bytes), text);
  }
  assert.deepEqual(encode("a\ud800b"), new TextEncoder().encode("a\ud800b"));
});

test("bytes that are not UTF-8 have no text", () => {
  for (const bytes of [
    [0xff],
    [0xc3],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
  ]) {
    assert.equal(decode(Uint8Array.from(bytes)), undefined, String(bytes));
  }
});

test("ASCII is told from other bytes at each place", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = new Uint8Array(length + 1);
    assert.ok(isAscii(bytes.subarray(1)) && isAscii(bytes));
    for (let at = 1; at <= length; at++) {
      bytes[at] = 0x80;
      assert.ok(!isAscii(bytes.subarray(1)) && !isAscii(bytes), `${length} ${at}`);
      bytes[at] = 0;
    }
  }
});

test("the decoder and the encoder do as those of Node", () => {
  const samples = [
    [0x61, 0xff, 0x62],
    [0xe2, 0x82],
    [0xe2, 0x82, 0x41],
    [0xf0, 0x9f, 0x98],
    [0xef, 0xbb, 0xbf, 0x61],
    [0xc2, 0x41],
    [0xed, 0xa0, 0x80, 0x61],
    [0xf0, 0x80, 0x80, 0x80],
  ];
  for (const sample of samples.map((bytes) => Uint8Array.from(bytes))) {
    assert.equal(new Decoder().decode(sample), new TextDecoder().decode(sample), String(sample));
    const [ours, theirs] = [new Decoder(), new TextDecoder()];
    const parts = (coder) =>
      [...sample].map((byte) => coder.decode(Uint8Array.of(byte), { stream: true })).join("") +
      coder.decode();
    assert.equal(parts(ours), parts(theirs), `in parts: ${sample}`);
  }
  assert.throws(() => new Decoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff)), TypeError);
  assert.throws(() => new Decoder("latin1"), /UTF-8 alone/);
  const target = new Uint8Array(4);
  assert.deepEqual(new Encoder().encodeInto("aä€", target), { read: 2, written: 3 });
  assert.equal(new Decoder().decode(new Encoder().encode("ä").buffer), "ä");
});
