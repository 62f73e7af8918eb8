"""Handlers, over the gateway in memory."""

import unittest
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tollgate_handler import (
    HttpError,
    Outcome,
    Reject,
    Retry,
    config,
    done,
    emit,
    handler,
    http,
    ignored,
    log,
    outbox,
    resolved,
    schedule,
    state,
    stripe,
)
from tollgate_handler.handlers import dispatch, forget
from tollgate_handler.testing import Host, event, orders

REFUND = event(
    "charge.refunded",
    {
        "id": "evt_1",
        "created": 1_760_000_000,
        "data": {"object": {"id": "ch_1", "amount_refunded": 2**53 + 1, "currency": "eur"}},
    },
)


class Handlers(unittest.TestCase):
    """Handlers and their effects."""

    def setUp(self):
        self.addCleanup(forget)

    def test_effects_are_kept_if_a_handler_succeeds(self):
        def handle(event):
            if event.scheduled:
                return ignored(f"{event.scheduled} {event.json()['n']}")
            charge = event.json()["data"]["object"]
            state.add(f"refunded/{charge['currency']}", charge["amount_refunded"])
            state.set("last", {"id": charge["id"], "limit": config.integer("limit")})
            outbox.post(config.require("url"), json={"a": 1}, order_key=charge["id"], respond="r")
            outbox.put("https://x.example", form={"a b": "c&d", "e": "~'*"}, headers={"x": 5})
            emit.event("refund.noted", subject=charge["id"], json={"ok": True})
            schedule.put("later", "reminder.due", after=timedelta(days=3), json={"n": 1})
            schedule.put("at", "reminder.due", at=datetime(2030, 1, 1, tzinfo=UTC), json={"n": 2})
            log.info("noted", amount=charge["amount_refunded"])
            return done()

        host = Host(config={"url": "https://ledger.example.com/", "limit": 5})
        run = host.run(handle, REFUND)
        self.assertEqual(run.result, done())
        self.assertEqual(host.counter("refunded/eur"), 2**53 + 1)
        self.assertEqual(host.state("last"), {"id": "ch_1", "limit": 5})
        self.assertEqual(run.sent[0].headers, [("content-type", "application/json")])
        self.assertEqual(run.sent[0].body, b'{"a":1}')
        self.assertEqual(run.sent[1].body, b"a+b=c%26d&e=%7E%27*")
        self.assertEqual(run.emitted[0].json(), {"ok": True})
        self.assertEqual(run.logs, [("info", "noted", {"amount": "9007199254740993"})])
        [due] = host.advance(handle, timedelta(days=3))
        self.assertEqual(due.result, Outcome("ignored", "later 1"))
        self.assertEqual(host.scheduled["at"].due_ms, 1_893_456_000_000)

    def test_a_handler_that_fails_leaves_nothing(self):
        for failure in (Retry("busy", after="10m"), Reject("no")):

            def handle(_, failure=failure):
                state.set("a", 1)
                emit.event("e")
                raise failure

            host = Host()
            run = host.run(handle, REFUND)
            self.assertIs(run.result, failure)
            self.assertEqual((host.keys(), host.emitted, run.emitted), ([], [], []))
        self.assertEqual(Retry("x", after=1.5).after_ms, 1500)
        with self.assertRaises(ZeroDivisionError):
            Host().run(lambda _: 1 / 0, REFUND)

    def test_the_type_of_an_event_chooses_the_function(self):
        @handler("charge.*")
        def all_charges(_):
            return ignored("all")

        @handler("charge.refunded", "charge.failed")
        def some(_):
            return ignored("some")

        reason = lambda kind: Host().run(dispatch, event(kind, {})).result.reason
        self.assertEqual(reason("charge.refunded"), "some")
        self.assertEqual(reason("charge.succeeded"), "all")
        self.assertEqual(reason("invoice.paid"), "the handler has no function for invoice.paid")
        self.assertEqual(some(REFUND), ignored("some"))

    def test_the_decorator_stands_before_plain_functions(self):
        with self.assertRaisesRegex(TypeError, "nothing to wait for. Write `def`"):

            @handler
            async def waits(_):
                return done()

        with self.assertRaisesRegex(TypeError, "has a `yield`"):

            @handler
            def yields(_):
                yield done()

        with self.assertRaisesRegex(TypeError, "an event type is a text"):
            handler(5)

    def test_requests_go_where_the_manifest_allows(self):
        def handle(_):
            outbox.post("https://other.example/x")
            return done()

        result = Host(allow=["https://ok.example"]).run(handle, REFUND).result
        self.assertRegex(str(result), "https://other.example is not among the origins")

    def test_a_response_is_an_event(self):
        host = Host()
        run = host.run(
            lambda _: (outbox.put("https://a.example", respond="o-1"), done())[1], REFUND
        )
        came = []
        read = lambda event: (came.append(event.response()), done())[1]
        host.respond(read, run.sent[0], 503, "busy")
        host.respond(read, run.sent[0], 200, {"id": 5})
        self.assertEqual((came[0].is_success, came[0].status, came[0].text()), (False, 503, "busy"))
        self.assertEqual((came[1].correlation, came[1].json()), ("o-1", {"id": 5}))

    def test_payloads_are_read_exactly(self):
        exact = event("a", b'{"price": 0.1234567890123456789}')
        price = Decimal("0.1234567890123456789")
        self.assertEqual(exact.json(parse_float=Decimal)["price"], price)
        for payload, message in [
            (b"{", "cannot be read"),
            (b"\xff", "utf-8"),
            (b"NaN", "NaN is no JSON"),
        ]:
            result = Host().run(lambda e: e.json() and done(), event("a", payload)).result
            self.assertRegex(str(result), f"the payload of a cannot be read.*{message}|{message}")

    def test_both_forms_of_stripes_events_are_read_alike(self):
        thin = event(
            "v1.charge.refunded", {"id": "evt_2", "livemode": False, "context": "o/acct_2"}
        )
        host = Host()
        host.resolve(thin, {"id": "ch_1"})
        read = []

        def handle(event):
            read.append(stripe.read(event))
            return ignored(stripe.other_mode(read[-1]) or "acts")

        self.assertRegex(host.run(handle, thin).result.reason, "acts on live events alone")
        found = (read[0].kind, read[0].account, read[0].object)
        self.assertEqual(found, ("charge.refunded", "acct_2", {"id": "ch_1"}))
        self.assertRegex(str(Host().run(handle, thin).result), "`resolve`")
        self.assertEqual(host.run(handle, REFUND).result.reason, "acts")
        host.run(lambda e: (read.append(resolved.object().json(e)), done())[1], thin)
        self.assertEqual(read[-1], {"id": "ch_1"})
        ids = [stripe.id_of("a"), stripe.id_of({"id": "b"}), stripe.id_of(None)]
        self.assertEqual(ids, ["a", "b", None])

    def test_every_order_of_events_is_made(self):
        self.assertEqual(len(orders([1, 2, 3])), 6)

    def test_a_request_has_the_answer_that_is_prepared_for_it(self):
        url = "https://crm.example.com/score"
        host = Host()
        host.answer("GET", url, body={"n": 2**53 + 1}, headers={"X-A": "1"})
        host.answer("POST", url, status=500, body=b"\xff")
        told = []

        def handle(event):
            first = http.get(url)
            told.append((first.is_success, first.header("X-a"), first.json()["n"]))
            with self.assertRaisesRegex(HttpError, "the answer 500 is no text"):
                http.post(url, json={"a": 1}, timeout=2).text()
            with self.assertRaisesRegex(TypeError, "exclude each other"):
                http.post(url, json=1, body=b"")
            # The query may hold credentials, and the reason is recorded.
            http.get(f"{url}?key=s3cret")

        result = host.run(handle, event("a", {})).result
        self.assertRegex(str(result), r"GET https://crm\.example\.com/score\?…: ")
        self.assertEqual(told, [(True, "1", 2**53 + 1)])
        self.assertRegex(str(result), "no answer is prepared")
