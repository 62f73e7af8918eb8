"""Requests of the providers of 2026 whose signatures are data in the one template.

polar-sdk, portone-server-sdk and cashfree-pg verify webhooks, and are asked if they are installed
(cashfree-pg needs an older urllib3 than the others, so it has an environment of its own). The other
providers have no library that verifies; their requests follow their documents.
"""

import base64
import hashlib
import hmac
import json
from importlib.metadata import PackageNotFoundError, version

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from vectors import NOW, Vectors

MILLIS = str(NOW * 1000 + 123)


def mac(key, message, algorithm="sha256"):
    return hmac.new(key.encode(), message, algorithm)


def b64(digest):
    return base64.b64encode(digest).decode()


def event(kind, id=None, created=None, subject=None, account=None):
    return {"id": id, "kind": kind, "created": created, "subject": subject, "account": account}


def installed(package):
    try:
        version(package)
        return True
    except PackageNotFoundError:
        return False


class Battery:
    """Requests that every scheme accepts or refuses alike. `sign(body, secret)` makes the headers;
    the first of them holds the signature. `library(headers, body, secret)` asks the library."""

    def __init__(self, scheme, sign, secrets, package=None, library=None, signs_body=True):
        asked = package is not None and installed(package)
        self.vectors = Vectors(scheme, *([package] if asked else []))
        self.sign, self.secrets, self.signs_body = sign, secrets, signs_body
        self.library = library if asked else None

    def add(self, name, headers, body, expect, secrets=None, **more):
        tried = secrets or self.secrets[:1]
        ask = None
        if self.library:
            def ask():
                if not any(self.accepts(headers, body, secret) for secret in tried):
                    raise ValueError("no secret matches")
        json_type = [["Content-Type", "application/json"]]
        self.vectors.add(name, json_type + headers, body, list(tried), expect, ask, **more)

    def accepts(self, headers, body, secret):
        try:
            return self.library({name.lower(): value for name, value in headers}, body, secret) is not False
        except Exception:  # any exception of a library is a refusal
            return False

    def run(self, bodies):
        secret, old = self.secrets
        for name, body, expected in bodies:
            self.add(name, self.sign(body, secret), body, [expected])
        _, body, expected = bodies[0]
        good, stale = self.sign(body, secret), self.sign(body, old)
        self.add("the second secret matches", stale, body, [expected], (secret, old), secret=1)
        self.add("wrong secret", stale, body, "signature_mismatch")
        self.add("no signature header", good[1:], body, "missing_header")
        if self.signs_body:
            self.add("body with a byte more", good, body + b" ", "signature_mismatch")
            self.add("body cut short", good, body[:-1], "signature_mismatch")
            again = json.dumps(json.loads(body), indent=3).encode()
            self.add("re-serialised body", good, again, "signature_mismatch")
        self.vectors.save()


def airwallex():
    body = b'{"id":"evt_a1","name":"payment_intent.succeeded","account_id":"acct_1","created_at":"2025-10-09T08:53:20+00:00","data":{"object":{"id":"int_1","amount":10.00}}}'
    sign = lambda body, secret: [["x-signature", mac(secret, MILLIS.encode() + body).hexdigest()], ["x-timestamp", MILLIS]]
    Battery("airwallex", sign, ("whsec_new", "whsec_old")).run([
        ("plain", body, event("payment_intent.succeeded", "evt_a1", NOW * 1000, "int_1", "acct_1")),
    ])


def authorize_net():
    body = b'{"notificationId":"d0e8e7fe-c3e7-4add-a480-27bc5ce28a18","eventType":"net.authorize.payment.authcapture.created","eventDate":"2025-10-09T08:53:20Z","webhookId":"63d6fea2","payload":{"responseCode":1,"authAmount":45.00,"entityName":"transaction","id":"2154067719"}}'
    sign = lambda body, secret: [["X-ANET-Signature", "sha512=" + mac(secret, body, "sha512").hexdigest().upper()]]
    Battery("authorize-net", sign, ("AB" * 64, "CD" * 64)).run([
        ("plain", body, event("net.authorize.payment.authcapture.created", "d0e8e7fe-c3e7-4add-a480-27bc5ce28a18", NOW * 1000, "2154067719", "63d6fea2")),
    ])


def cashfree():
    body = '{"data":{"order":{"order_id":"order_1","order_amount":2.00},"payment":{"cf_payment_id":1453002795,"payment_status":"SUCCESS"}},"event_time":"2025-10-09T14:23:20+05:30","type":"PAYMENT_SUCCESS_WEBHOOK"}'.encode()
    sign = lambda body, secret: [["x-webhook-signature", b64(mac(secret, MILLIS.encode() + body).digest())], ["x-webhook-timestamp", MILLIS], ["x-idempotency-key", "k1"]]

    def library(headers, body, secret):
        from cashfree_pg.api_client import Cashfree
        client = Cashfree(XEnvironment=Cashfree.SANDBOX, XClientId="id", XClientSecret=secret)
        return client.PGVerifyWebhookSignature(headers["x-webhook-signature"], body.decode(), headers["x-webhook-timestamp"])

    Battery("cashfree", sign, ("cfsk_new", "cfsk_old"), "cashfree-pg", library).run([
        ("plain", body, event("PAYMENT_SUCCESS_WEBHOOK", "k1", NOW * 1000, "1453002795")),
    ])


def basic(body, secret):
    return [["Authorization", "Basic " + b64(secret.encode())]]


def chargebee():
    body = b'{"id":"ev_16BHk1","occurred_at":1760000000,"source":"api","api_version":"v2","event_type":"payment_succeeded","content":{"invoice":{"id":"inv_1"},"customer":{"id":"cus_1"}}}'
    Battery("chargebee", basic, ("user:pass:word", "user:old"), signs_body=False).run([
        ("plain", body, event("payment_succeeded", "ev_16BHk1", NOW * 1000, "inv_1")),
    ])


def conekta():
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    pems = [key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode() for key in keys]
    by_pem = dict(zip(pems, keys))
    sign = lambda body, secret: [["DIGEST", b64(by_pem[secret].sign(body, padding.PKCS1v15(), hashes.SHA256()))]]
    body = b'{"id":"6ce2a1","type":"order.paid","created_at":1760000000,"livemode":true,"webhook_status":"pending","data":{"object":{"id":"ord_1","amount":4000}}}'
    Battery("conekta", sign, tuple(pems)).run([
        ("plain", body, event("order.paid", "6ce2a1", NOW * 1000, "ord_1")),
    ])


def monnify():
    body = b'{"eventType":"SUCCESSFUL_TRANSACTION","eventData":{"transactionReference":"MNFY|1","paymentReference":"ref_1","amountPaid":78000.00,"paidOn":"09/10/2025 8:53:20 AM"}}'
    sign = lambda body, secret: [["monnify-signature", mac(secret, body, "sha512").hexdigest()]]
    Battery("monnify", sign, ("91MUDL9N6U3BQRXBQ2PJ9M0PW4J22M1Y", "OLD")).run([
        ("plain", body, event("SUCCESSFUL_TRANSACTION", subject="MNFY|1")),
    ])


def phonepe_hmac():
    body = b'{"event":"checkout.order.completed","payload":{"merchantId":"M1","orderId":"OMO1","state":"COMPLETED","amount":10000}}'
    sign = lambda body, secret: [["x-phonepe-checksum-signature", mac(secret, body).hexdigest()], ["x-phonepe-checksum-key-id", "k1"]]
    Battery("phonepe-hmac", sign, ("new", "old")).run([
        ("plain", body, event("checkout.order.completed", subject="OMO1")),
    ])


def standard(key):
    def sign(body, secret):
        signature = b64(hmac.new(key(secret), f"msg_1.{NOW}.".encode() + body, hashlib.sha256).digest())
        return [["webhook-signature", f"v1,{signature}"], ["webhook-id", "msg_1"], ["webhook-timestamp", str(NOW)]]
    return sign


def polar():
    def key(secret):
        return base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()

    def library(headers, body, secret):
        from polar.webhooks import validate_event
        validate_event(body, headers, secret, frozenset({"invented.type"}), lambda data: data)

    body = b'{"type":"invented.type","timestamp":"2025-10-09T08:53:20Z","data":{"id":"sub_1"}}'
    battery = Battery("polar", standard(key), ("polar_whs_new", "polar_whs_old"), "polar-sdk", library)
    coded = "whsec_" + b64(b"0123456789abcdef01234567")
    expected = event("invented.type", "msg_1", NOW * 1000, "sub_1")
    battery.add("a secret in base64", standard(key)(body, coded), body, [expected], (coded,))
    battery.run([("plain", body, expected)])


def portone():
    key = lambda secret: base64.b64decode(secret.removeprefix("whsec_"))

    def library(headers, body, secret):
        from portone_server_sdk import webhook
        webhook.verify(secret, body.decode(), headers)

    body = b'{"type":"Transaction.Paid","timestamp":"2025-10-09T08:53:20.000Z","data":{"paymentId":"pay_1","storeId":"store_1","transactionId":"tx_1"}}'
    older = b'{"payment_id":"pay_1","tx_id":"tx_1","status":"Paid"}'
    secrets = tuple("whsec_" + b64(text) for text in (b"0123456789abcdef01234567", b"76543210fedcba9876543210"))
    battery = Battery("portone", standard(key), secrets, "portone-server-sdk", library)
    battery.library, asked = None, battery.library
    battery.add("version 2024-01-01", standard(key)(older, secrets[0]), older, [event("payment.Paid", "msg_1", subject="pay_1")])
    battery.library = asked
    battery.run([("plain", body, event("Transaction.Paid", "msg_1", NOW * 1000, "pay_1", "store_1"))])


REVENUECAT = b'{"api_version":"1.0","event":{"id":"rc_1","type":"INITIAL_PURCHASE","event_timestamp_ms":1760000000000,"app_id":"app_1","app_user_id":"user_1","environment":"PRODUCTION"}}'
BOUGHT = event("INITIAL_PURCHASE", "rc_1", NOW * 1000, "user_1", "app_1")


def revenuecat():
    def sign(body, secret):
        return [["X-RevenueCat-Webhook-Signature", f"t={NOW},v1={mac(secret, f'{NOW}.'.encode() + body).hexdigest()}"]]
    Battery("revenuecat", sign, ("new", "old")).run([("plain", REVENUECAT, BOUGHT)])


def revenuecat_authorization():
    sign = lambda body, secret: [["Authorization", secret]]
    battery = Battery("revenuecat-authorization", sign, ("Bearer new", "Bearer old"), signs_body=False)
    battery.run([("plain", REVENUECAT, BOUGHT)])


def revolut():
    def sign(body, secret):
        signature = mac(secret, f"v1.{MILLIS}.".encode() + body).hexdigest()
        return [["Revolut-Signature", f"v1={signature}"], ["Revolut-Request-Timestamp", MILLIS]]
    business = b'{"event":"TransactionStateChanged","timestamp":"2025-10-09T08:53:20Z","data":{"id":"tr_1","new_state":"completed"}}'
    merchant = b'{"event":"ORDER_COMPLETED","order_id":"ord_1","merchant_order_ext_ref":"A-17"}'
    Battery("revolut", sign, ("wsk_new", "wsk_old")).run([
        ("plain", business, event("TransactionStateChanged", created=NOW * 1000, subject="tr_1")),
        ("an order", merchant, event("ORDER_COMPLETED", subject="ord_1")),
    ])


def xendit():
    sign = lambda body, secret: [["x-callback-token", secret], ["webhook-id", "wh_1"]]
    newer = b'{"event":"payment.succeeded","business_id":"b_1","created":"2025-10-09T08:53:20Z","data":{"id":"py_1","status":"SUCCEEDED"}}'
    older = b'{"id":"inv_1","user_id":"b_1","status":"PAID","amount":50000,"updated":"2025-10-09T08:53:20Z"}'
    Battery("xendit", sign, ("token_new", "token_old"), signs_body=False).run([
        ("plain", newer, event("payment.succeeded", "wh_1", NOW * 1000, "py_1", "b_1")),
        ("an older product", older, event("resource.PAID", "wh_1", NOW * 1000, "inv_1", "b_1")),
    ])


def recurly():
    def sign(body, secret):
        return [["recurly-signature", f"{MILLIS},{mac(secret, f'{MILLIS}.'.encode() + body).hexdigest()}"], ["recurly-notification-id", "n1"]]
    body = b'{"id":"sub_1","object_type":"subscription","site_id":"site_1","event_type":"created","event_time":"2025-10-09T08:53:20Z"}'
    battery = Battery("recurly", sign, ("new", "old"))
    expected = event("subscription.created", "n1", NOW * 1000, "sub_1", "site_1")
    both = sign(body, "old")[0][1] + "," + mac("new", f"{MILLIS}.".encode() + body).hexdigest()
    battery.add("two signatures", [["recurly-signature", both], ["recurly-notification-id", "n1"]], body, [expected])
    late = [["recurly-signature", sign(body, "new")[0][1].replace(MILLIS, str(NOW * 1000))], ["recurly-notification-id", "n1"]]
    battery.add("another time", late, body, "signature_mismatch")
    battery.run([("plain", body, expected)])


def worldpay():
    body = b'{"eventId":"e1","eventTimestamp":"2025-10-09T08:53:20.123","eventDetails":{"classification":"payment","transactionReference":"T1","type":"authorized"}}'
    sign = lambda body, secret: [["Event-Signature", f"1/SHA256/{mac(secret, body).hexdigest()}"]]
    battery = Battery("worldpay", sign, ("new", "old"))
    both = f"7/SHA256/{mac('old', body).hexdigest()}, 8/SHA256/{mac('new', body).hexdigest()}"
    expected = event("authorized", "e1", subject="T1")
    battery.add("two keys", [["Event-Signature", both]], body, [expected])
    battery.add("another algorithm", [["Event-Signature", "1/MD5/00"]], body, "no_known_signature")
    battery.run([("plain", body, expected)])


def phonepe():
    def sign(body, secret):
        return [["Authorization", hashlib.sha256(secret.encode()).hexdigest()]]
    body = b'{"event":"checkout.order.completed","payload":{"orderId":"OMO1","state":"COMPLETED"}}'
    Battery("phonepe", sign, ("user1:pass1234", "user1:old12345"), signs_body=False).run([
        ("plain", body, event("checkout.order.completed", subject="OMO1")),
    ])


def woocommerce():
    def sign(body, secret):
        return [["X-WC-Webhook-Signature", b64(mac(secret, body).digest())], ["X-WC-Webhook-Topic", "order.updated"],
                ["X-WC-Webhook-Delivery-ID", "d1"], ["X-WC-Webhook-Source", "https://shop.example/"]]
    body = b'{"id":727,"status":"processing","total":"29.35","date_modified_gmt":"2025-10-09T08:53:20"}'
    Battery("woocommerce", sign, ("a&b", "old")).run([
        ("plain", body, event("order.updated", "d1", None, "727", "https://shop.example/")),
        ("a deletion", b'{"id":727}', event("order.updated", "d1", None, "727", "https://shop.example/")),
    ])


for make in [recurly, worldpay, phonepe, woocommerce, airwallex, authorize_net, cashfree, chargebee, conekta, monnify, phonepe_hmac, polar,
             portone, revenuecat, revenuecat_authorization, revolut, xendit]:
    make()
