"""Each wrong argument that the binding would end the run for is an error here."""

import unittest
from datetime import datetime
from enum import StrEnum

from tollgate_handler import Reject, Retry, StateError, done, emit, ignored, outbox, schedule, state
from tollgate_handler.outcome import outcome_of
from tollgate_handler.testing import Host, event

URL = "https://x.example"

WRONG = [
    (lambda: state.add("n", 1.5), TypeError, "delta is a whole number .*, not the float 1.5"),
    (lambda: state.add("n", 2**63), ValueError, "to 9223372036854775807, not 9223372036854775808"),
    (lambda: state.add("n", True), TypeError, "not True"),
    (lambda: state.add("n", "5"), TypeError, "not the text '5'"),
    (lambda: state.set("k", float("nan")), TypeError, "the value is no JSON: Out of range float"),
    (lambda: state.set("k", {1, 2}), TypeError, "set is not JSON serializable"),
    (lambda: state.set("k", "\ud800"), TypeError, "is no JSON"),
    (lambda: state.get(5), TypeError, r"the key is a text \(str\), not the int 5"),
    (lambda: state.get(b"k"), TypeError, "not a bytes"),
    (lambda: state.get("\ud800"), ValueError, "surrogate"),
    (lambda: state.set_bytes("k", 7), TypeError, "is bytes, a bytearray or a text"),
    (lambda: state.set_bytes("k", None), TypeError, "not None"),
    (lambda: state.set_bytes("k", [1, 2]), TypeError, "not a list"),
    (lambda: state.list_bytes("k", limit=-1), ValueError, "limit is a whole number from 0 to 1000"),
    (lambda: outbox.post(None), TypeError, "the URL is a text"),
    (lambda: outbox.post(URL, json=1, body=b""), TypeError, "exclude each other"),
    (lambda: outbox.post(URL, jsn=1), TypeError, "unexpected keyword argument 'jsn'"),
    (lambda: outbox.post(URL, headers="a: b"), TypeError, "headers is a dict"),
    (lambda: outbox.post(URL, headers={"a": None}), TypeError, "the value of a is a text"),
    (lambda: outbox.post(URL, order_key=7), TypeError, "order_key is a text"),
    (lambda: emit.event("e", subject=1), TypeError, "subject is a text"),
    (lambda: emit.event(5), TypeError, "the type is a text"),
    (lambda: schedule.put("k", "e", after="3 days"), TypeError, '"3d", not the text'),
    (lambda: schedule.put("k", "e", after=-1), ValueError, "not -1000"),
    (lambda: schedule.put("k", "e", after=float("nan")), TypeError, "not the float nan"),
    (lambda: schedule.put("k", "e", after=float("inf")), ValueError, "from 0 to"),
    (lambda: schedule.put("k", "e"), TypeError, "one of after and at"),
    (lambda: schedule.put("k", "e", at=datetime(2026, 1, 1)), ValueError, "no time zone"),
    (lambda: Retry(5), TypeError, "the reason is a text"),
    (lambda: Reject(None), TypeError, "the reason is a text"),
    (lambda: ignored(None), TypeError, "the reason is a text"),
]


class Checks(unittest.TestCase):
    """Wrong arguments and results."""

    def run_it(self, work):
        def handle(_):
            work()
            return done()

        return Host().run(handle, event("a", {}))

    def test_a_wrong_argument_is_named(self):
        for number, (work, kind, message) in enumerate(WRONG):
            with self.subTest(number), self.assertRaisesRegex(kind, message):
                self.run_it(work)

    def test_bytes_may_be_texts_and_buffers(self):
        class Kind(StrEnum):
            A = "a"

        for value in (b"ab", bytearray(b"ab"), memoryview(b"ab"), "ab"):
            self.run_it(lambda: state.set_bytes("k", value))
        host = Host()
        host.run(lambda _: (state.set_bytes(Kind.A, "ä"), done())[1], event("a", {}))
        self.assertEqual(host._state, {"a": "ä".encode()})

    def test_what_the_gateway_refuses_rejects_the_delivery(self):
        result = self.run_it(lambda: state.get("é" * 257)).result
        self.assertIsInstance(result, StateError)
        self.assertEqual(result.problem, "invalid-key")
        self.assertRegex(str(result), "a key has 1 to 512 bytes")

    def test_a_wrong_result_says_what_to_write_instead(self):
        async def coroutine():
            return done()

        for value, message in [
            (None, r"returned None. Write `return done\(\)`"),
            ("done", "returned the text 'done'"),
            (Retry("later"), r"returned a Retry. Write `raise Retry"),
            (Reject("no"), "Write `raise Reject"),
            (Retry, "returned the class Retry"),
            (ValueError("no"), "Write `raise ValueError"),
            (done, r"returned the function done. Write `done\("),
            (coroutine(), "Write `def`, not `async def`"),
            ((1, 2), "returned a tuple"),
        ]:
            with self.assertRaisesRegex(TypeError, message):
                outcome_of(value)
        self.assertEqual(outcome_of(done()), done())
