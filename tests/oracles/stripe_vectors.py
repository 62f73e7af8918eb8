"""Stripe: vectors/stripe.json, with stripe-python as the oracle."""

import hashlib
import hmac
import json

import stripe

from vectors import NOW, Vectors

SECRET = "whsec_5f1dT8Zb0Xn2vYcKqRjWmPaLsUeGhQi7"
OLD = "whsec_oldOldOldOldOldOldOldOldOldOldOl"

SNAPSHOT = json.dumps(
    {
        "id": "evt_1SGLmZ2eZvKYlo2C9bGm1234",
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": 1759999990,
        "data": {
            "object": {"id": "pi_3SGLmY2eZvKYlo2C1fAb", "object": "payment_intent", "amount": 2000,
                       "currency": "usd", "description": "Käse & Wein ☃"}
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": None},
        "type": "payment_intent.succeeded",
    },
    indent=2,
    ensure_ascii=False,
).encode()
SNAPSHOT_EVENT = {
    "id": "evt_1SGLmZ2eZvKYlo2C9bGm1234",
    "kind": "payment_intent.succeeded",
    "created": 1759999990000,
    "subject": "pi_3SGLmY2eZvKYlo2C1fAb",
    "account": None,
}
CONNECT = SNAPSHOT.replace(b'"object": "event",', b'"object": "event", "account": "acct_1032D82eZvKYlo2C",')
THIN = (
    b'{"id":"evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0","object":"v2.core.event",'
    b'"type":"v1.billing.meter.error_report_triggered","livemode":false,'
    b'"created":"2025-10-09T08:53:10.123Z","context":"acct_9",'
    b'"related_object":{"id":"mtr_test_61R9","type":"billing.meter","url":"/v1/billing/meters/mtr_test_61R9"}}'
)


def sign(body, secret=SECRET, t=NOW):
    return hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()


def header(body, secret=SECRET, t=NOW):
    return f"t={t},v1={sign(body, secret, t)}"


def main():
    vectors = Vectors("stripe", "stripe")

    def add(name, value, body, expect, secrets=(SECRET,), **more):
        def ask():
            for secret in secrets:
                try:
                    return stripe.WebhookSignature.verify_header(body.decode(), value, secret, 300)
                except stripe.SignatureVerificationError as error:
                    last = error
            raise last

        headers = [["Content-Type", "application/json; charset=utf-8"], ["User-Agent", "Stripe/1.0"]]
        if value is not None:
            headers.append(["Stripe-Signature", value])
        vectors.add(name, headers, body, list(secrets), expect, ask, **more)

    good, v1 = header(SNAPSHOT), sign(SNAPSHOT)
    event = [SNAPSHOT_EVENT]
    add("plain", good, SNAPSHOT, event)
    add("connect", header(CONNECT), CONNECT, [SNAPSHOT_EVENT | {"account": "acct_1032D82eZvKYlo2C"}])
    add("thin", header(THIN), THIN, [{
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
        "kind": "v1.billing.meter.error_report_triggered",
        "created": 1759999990123, "subject": "mtr_test_61R9", "account": "acct_9"}])
    add("the second secret matches", header(SNAPSHOT, OLD), SNAPSHOT, event, (SECRET, OLD), secret=1)
    both = f"t={NOW},v1={sign(SNAPSHOT, OLD)},v1={v1}"
    add("several v1 while a secret is rolled", both, SNAPSHOT, event)
    add("several v1, the first holds", f"t={NOW},v1={v1},v1={'0' * 64}", SNAPSHOT, event)
    add("one of several v1 is no hex", f"t={NOW},v1=zz,v1={v1}", SNAPSHOT, event)
    add("v0 is ignored", f"t={NOW},v1={v1},v0={'0' * 64}", SNAPSHOT, event)
    add("v0 alone does not count", f"t={NOW},v0={v1}", SNAPSHOT, "no_known_signature")
    add("order of the pairs does not matter", f"v1={v1},t={NOW}", SNAPSHOT, event)
    add("the same t twice is one", f"t={NOW},t={NOW},v1={v1}", SNAPSHOT, event)
    add("conflicting t, the signed one first", f"t={NOW},t={NOW - 1},v1={v1}", SNAPSHOT,
        "conflicting_timestamps",
        differs="this library takes the first, another the last: neither is safe to guess")
    add("conflicting t, the signed one last", f"t={NOW - 1},t={NOW},v1={v1}", SNAPSHOT,
        "conflicting_timestamps")
    add("exactly 300 s old", header(SNAPSHOT, t=NOW - 300), SNAPSHOT, event)
    add("301 s old", header(SNAPSHOT, t=NOW - 301), SNAPSHOT, "timestamp_too_old")
    add("exactly 300 s ahead", header(SNAPSHOT, t=NOW + 300), SNAPSHOT, event)
    add("301 s ahead", header(SNAPSHOT, t=NOW + 301), SNAPSHOT, "timestamp_in_future",
        differs="this library does not bound the future; Stripe's PHP library does")
    add("wrong secret", header(SNAPSHOT, OLD), SNAPSHOT, "signature_mismatch")
    add("stale and forged is forged", header(SNAPSHOT, OLD, NOW - 4000), SNAPSHOT, "signature_mismatch")
    add("the secret is not decoded", header(SNAPSHOT, SECRET.removeprefix("whsec_")), SNAPSHOT,
        "signature_mismatch")
    add("no header", None, SNAPSHOT, "missing_header")
    add("empty header", "", SNAPSHOT, "no_known_signature")
    add("no v1", f"t={NOW}", SNAPSHOT, "no_known_signature")
    add("no t", f"v1={v1}", SNAPSHOT, "missing_timestamp")
    add("upper-case hex", f"t={NOW},v1={v1.upper()}", SNAPSHOT, "malformed_signature")
    add("truncated signature", good[:-1], SNAPSHOT, "malformed_signature")
    add("truncated by a byte", good[:-2], SNAPSHOT, "signature_mismatch")
    add("underscored timestamp", f"t=1_760_000_000,v1={v1}", SNAPSHOT, "signature_mismatch",
        differs="Python's int() reads underscores, and the library formats the number anew")
    add("underscored timestamp, signed as such", header(SNAPSHOT, t="1_760_000_000"), SNAPSHOT,
        "malformed_timestamp")
    add("junk after the timestamp", header(SNAPSHOT, t=f"{NOW}x"), SNAPSHOT, "malformed_timestamp")
    add("negative timestamp", header(SNAPSHOT, t=-NOW), SNAPSHOT, "malformed_timestamp")
    add("empty timestamp", f"t=,v1={sign(SNAPSHOT, t='')}", SNAPSHOT, "malformed_timestamp")
    add("re-serialised body", good, json.dumps(json.loads(SNAPSHOT)).encode(), "signature_mismatch")
    add("body with a byte more", good, SNAPSHOT + b"\n", "signature_mismatch")
    add("body cut short", good, SNAPSHOT[:-1], "signature_mismatch")
    add("empty body", good, b"", "signature_mismatch")
    not_ours = "the library checks signatures alone at this point"
    for name, body, code in [
        ("signed, but no id", b'{"type":"a"}', "unreadable:missing_field"),
        ("signed, but the id is empty", b'{"id":"","type":"a"}', "unreadable:missing_field"),
        ("signed, but no type", b'{"id":"evt_1"}', "unreadable:missing_field"),
        ("signed, but no JSON", b"hello", "unreadable:malformed_body"),
        ("signed, but junk after the JSON", b'{"id":"evt_1","type":"a"}}', "unreadable:malformed_body"),
        ("signed, but empty", b"", "unreadable:malformed_body"),
    ]:
        add(name, header(body), body, code, differs=not_ours)
    numbered = b'{"id":7,"type":"a"}'
    add("the id is a number", header(numbered), numbered,
        [{"id": "7", "kind": "a", "created": None, "subject": None, "account": None}])
    last_wins = b'{"id":"evt_1","type":"a","id":"evt_2"}'
    add("of a repeated key the last counts", header(last_wins), last_wins,
        [{"id": "evt_2", "kind": "a", "created": None, "subject": None, "account": None}])
    vectors.save()


main()
