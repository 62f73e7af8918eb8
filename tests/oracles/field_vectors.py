"""Requests of providers that sign fields: of JSON, of forms and of the query, or hashes of the body.

mercadopago and global-open-sdk-python (for antom; in an environment of its own, since it brings
another `enum` along) are asked if they are installed, alipay-sdk and midtrans-client if node has
them. The other providers have no library that verifies; their requests follow their documents.
"""

import base64
import hashlib
import hmac
import json
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import node_oracle
from vectors import NOW, Vectors

JSON = [["Content-Type", "application/json"]]
FORM = [["Content-Type", "application/x-www-form-urlencoded"]]
MILLIS = NOW * 1000
KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


def event(kind, id=None, created=None, subject=None, account=None):
    return {"id": id, "kind": kind, "created": created, "subject": subject, "account": account}


def installed(package):
    try:
        version(package)
        return True
    except PackageNotFoundError:
        return False


def mac(key, text, algorithm="sha256"):
    return hmac.new(key.encode(), text if isinstance(text, bytes) else text.encode(), algorithm)


def digest(algorithm, text):
    return hashlib.new(algorithm, text if isinstance(text, bytes) else text.encode()).hexdigest()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def public(key, form=serialization.Encoding.PEM):
    text = key.public_key().public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    return text.decode() if form == serialization.Encoding.PEM else base64.b64encode(text).decode()


def rsa_sign(key, message, algorithm=hashes.SHA256):
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), algorithm())).decode()


class Fields:
    """Requests that a scheme accepts or refuses alike. `make(fields, secret)` makes a request from
    fields: headers, body and more of the vector. `library(request, secret)` asks the library."""

    def __init__(self, scheme, make, secrets, library=None, packages=(), node=(), params=None):
        self.vectors = Vectors(scheme, *packages)
        for package in node:
            self.vectors.made_with[package] = node_oracle.version(package)
        self.make, self.secrets, self.library, self.params = make, secrets, library, params

    def add(self, name, request, expect, secrets=None, differs=None, ask=True, **more):
        headers, body, place = request
        tried = list(secrets or self.secrets[:1])
        check = None
        if self.library and ask:
            def check():
                if not any(self.accepts(request, secret) for secret in tried):
                    raise ValueError("no secret matches")
        settings = {"params": self.params} if self.params else {}
        self.vectors.add(name, headers, body, tried, expect, check, differs=differs, **(settings | place | more))

    def accepts(self, request, secret):
        try:
            return self.library(request, secret) is not False
        except Exception:  # any exception of a library is a refusal
            return False

    def run(self, fields, expected, changes, unsigned=(), missing="missing_header"):
        """`changes` are signed fields with other values, `unsigned` fields that are not signed."""
        secret, old = self.secrets
        plain = self.make(fields, secret)
        self.add("plain", plain, [expected])
        stale = self.make(fields, old)
        self.add("the second secret matches", stale, [expected], (secret, old), secret=1)
        self.add("wrong secret", stale, "signature_mismatch")
        signature = self.make(fields, secret, sign=False)
        self.add("no signature", signature, missing)
        for name, value in changes:
            self.add(f"another {name}", self.make(fields, secret, {name: value}), "signature_mismatch")
        for name, value in unsigned:
            self.add(f"another {name}, which is not signed", self.make(fields, secret, {name: value}), [expected])
        self.vectors.save()


def set_in(fields, changes):
    """The fields with the changes; a dot leads into an object."""
    copy = json.loads(json.dumps(fields))
    for name, value in (changes or {}).items():
        at, steps = copy, name.split(".")
        for step in steps[:-1]:
            at = at[step]
        at[steps[-1]] = value
    return copy


def in_json(scheme, name, sign, secrets, raw=(), **more):
    """A scheme whose signature is a member of the body. `raw` are texts that JSON would write otherwise."""
    def make(fields, secret, changes=None, sign=True):
        body = set_in(fields, changes)
        if sign:
            body[name] = signer(fields, secret)
        text = compact(body).decode()
        for before, after in raw:
            text = text.replace(before, after)
        return JSON, text.encode(), {}
    signer = sign
    return Fields(scheme, make, secrets, **more)


def in_header(scheme, sign, secrets, extra=(), **more):
    """A scheme whose signature is the first header. `sign(fields, body, secret)` makes its name and value."""
    def make(fields, secret, changes=None, sign=True):
        body = compact(set_in(fields, changes))
        headers = [list(signer(fields, compact(fields), secret))] if sign else []
        return JSON + headers + [list(pair) for pair in extra], body, {}
    signer = sign
    return Fields(scheme, make, secrets, **more)


def dlocal():
    date = "2025-10-09T08:53:20.000Z"
    body = {"id": "D-4-1", "amount": 72.5, "status": "PAID", "order_id": "A-17", "created_date": "2025-10-09T08:53:20.000+0000"}
    sign = lambda fields, text, secret: ["Authorization", "V2-HMAC-SHA256, Signature: " + mac(secret, b"login" + date.encode() + text).hexdigest()]
    battery = in_header("dlocal", sign, ("key", "old"), [("X-Date", date), ("X-Login", "login")], params={"x_login": "login"})
    expected = event("payment.PAID", "D-4-1.PAID", MILLIS, "D-4-1")
    value = sign(body, compact(body), "key")[1]
    other = JSON + [["Signature", value.split(": ")[1]], ["X-Date", date]]
    battery.add("the signature in its own header", (other, compact(body), {}), [expected])
    both = JSON + [["Authorization", value], ["Signature", "00" * 32], ["X-Date", date]]
    battery.add("one of two signatures matches", (both, compact(body), {}), [expected])
    late = JSON + [["Authorization", value], ["X-Date", date.replace("20.000", "21.000")]]
    battery.add("another date", (late, compact(body), {}), "signature_mismatch")
    battery.add("another login", (JSON + [["Authorization", value], ["X-Date", date], ["X-Login", "login"]], compact(body), {"params": {"x_login": "mine"}}), "signature_mismatch")
    battery.run(body, expected, [("status", "REJECTED"), ("amount", 7.5)])


def fawry():
    body = {"requestId": "c72827d084ea4b88949d91dd2db4996e", "fawryRefNumber": "970177", "merchantRefNumber": "9708f1cea8b5426cb57922df51b7f790",
            "customerMail": "a@b.example", "paymentAmount": 12.5, "orderAmount": 12, "orderStatus": "PAID", "paymentMethod": "PayAtFawry",
            "paymentTime": MILLIS}
    sign = lambda f, secret: digest("sha256", f"{f['fawryRefNumber']}{f['merchantRefNumber']}12.5012.00{f['orderStatus']}{f['paymentMethod']}{f.get('paymentRefrenceNumber', '')}{secret}")
    battery = in_json("fawry", "messageSignature", sign, ("key", "old"), [("12.5", "12.50")])
    expected = event("order.PAID", None, MILLIS, "9708f1cea8b5426cb57922df51b7f790")
    paid = body | {"paymentRefrenceNumber": "P1"}
    battery.add("with the payment's reference", battery.make(paid, "key"), [expected])
    battery.run(body, expected, [("orderStatus", "REFUNDED"), ("orderAmount", 12.01), ("paymentRefrenceNumber", "P2")],
                [("requestId", "other"), ("customerMail", "c@d.example")], "missing_field")


def iyzico():
    direct = {"paymentConversationId": "conv1", "merchantId": 3400000, "paymentId": 22416035, "status": "SUCCESS",
              "iyziReferenceCode": "70eb9bd0", "iyziEventType": "API_AUTH", "iyziEventTime": MILLIS}
    form = {"paymentConversationId": "conv1", "merchantId": 3400000, "token": "t1", "status": "SUCCESS", "iyziReferenceCode": "70eb9bd1",
            "iyziEventType": "CHECKOUT_FORM_AUTH", "iyziEventTime": MILLIS, "iyziPaymentId": 22416036}
    subscription = {"orderReferenceCode": "o1", "customerReferenceCode": "c1", "subscriptionReferenceCode": "s1", "iyziReferenceCode": "70eb9bd2",
                    "iyziEventType": "subscription.order.success", "iyziEventTime": MILLIS}

    def text(f, secret):
        if "subscriptionReferenceCode" in f:
            return f"3400000{secret}{f['iyziEventType']}{f['subscriptionReferenceCode']}{f['orderReferenceCode']}{f['customerReferenceCode']}"
        if "token" in f:
            return f"{secret}{f['iyziEventType']}{f['iyziPaymentId']}{f['token']}{f['paymentConversationId']}{f['status']}"
        return f"{secret}{f['iyziEventType']}{f['paymentId']}{f['paymentConversationId']}{f['status']}"

    sign = lambda f, body, secret: ["X-IYZ-SIGNATURE-V3", mac(secret, text(f, secret)).hexdigest()]
    battery = in_header("iyzico", sign, ("sandbox-key", "sandbox-old"), params={"merchant_id": "3400000"})
    battery.add("the checkout form", battery.make(form, "sandbox-key"), [event("CHECKOUT_FORM_AUTH", "70eb9bd1", MILLIS, "22416036", "3400000")])
    bought = event("subscription.order.success", "70eb9bd2", MILLIS, "s1")
    battery.add("a subscription", battery.make(subscription, "sandbox-key"), [bought])
    headers, body, _ = battery.make(subscription, "sandbox-key")
    battery.add("a subscription of another merchant", (headers, body, {"params": {"merchant_id": "1"}}), "signature_mismatch")
    battery.run(direct, event("API_AUTH", "70eb9bd0", MILLIS, "22416035", "3400000"),
                [("status", "FAILURE"), ("paymentId", 22416037), ("iyziEventType", "REFUND")])


def mercado_pago():
    body = {"action": "payment.updated", "api_version": "v1", "data": {"id": "ORD01"}, "date_created": "2025-10-09T08:53:20Z",
            "id": 123456, "live_mode": False, "type": "payment", "user_id": 724484980}
    expected = event("payment.updated", "123456", MILLIS, "ORD01", "724484980")

    def request(fields, secret, changes=None, sign=True, id="ORD01", signed=None, request_id="req-1", ts=str(NOW), header=None):
        signed = id if signed is None else signed
        text = (f"id:{signed};" if signed else "") + (f"request-id:{request_id};" if request_id else "") + f"ts:{ts};"
        value = header or f"ts={ts},v1={mac(secret, text).hexdigest()}"
        headers = JSON + ([["x-signature", value]] if sign else []) + ([["x-request-id", request_id]] if request_id else [])
        query = f"?data.id={quote(id)}&type=payment" if id else "?type=payment"
        return headers, compact(set_in(fields, changes)), {"target": f"/webhooks{query}"}

    def library(request, secret):
        from urllib.parse import parse_qs

        from mercadopago.webhook import WebhookSignatureValidator
        headers = {name.lower(): value for name, value in request[0]}
        query = parse_qs(request[2]["target"].split("?")[1])
        WebhookSignatureValidator.validate(headers.get("x-signature"), headers.get("x-request-id"), query.get("data.id", [None])[0], secret)

    asked = installed("mercadopago")
    battery = Fields("mercado-pago", request, ("mp-key-new", "mp-key-old"), library if asked else None, ["mercadopago"] if asked else [])
    lower = "the libraries sign the id as it came, the documents in lower case"
    battery.add("the id in lower case", request(body, "mp-key-new", signed="ord01"), [expected], differs=lower if asked else None)
    battery.add("in milliseconds", request(body, "mp-key-new", ts=str(MILLIS)), [expected])
    battery.add("without a request id", request(body, "mp-key-new", request_id=None), [expected])
    battery.add("without the parameter", request(body, "mp-key-new", id=None), [event("payment.updated", "123456", MILLIS, None, "724484980")])
    battery.add("another data.id", request(body, "mp-key-new", signed="ORD02"), "signature_mismatch")
    signature = request(body, "mp-key-new")[0][1][1]
    battery.add("in another order, with blanks", request(body, "mp-key-new", header=", ".join(reversed(signature.split(",")))), [expected])
    battery.add("an old version alone", request(body, "mp-key-new", header=signature.replace("v1=", "v0=")), "no_known_signature")
    battery.add("upper-case hexadecimal", request(body, "mp-key-new", header=signature.split("v1=")[0] + "v1=" + signature.split("v1=")[1].upper()), "malformed_signature")
    battery.add("another body, which is not signed", request(body, "mp-key-new", {"action": "payment.created"}),
                [event("payment.created", "123456", MILLIS, "ORD01", "724484980")])
    battery.run(body, expected, [])


def midtrans():
    body = {"transaction_time": "2025-10-09 15:53:20", "transaction_status": "settlement", "transaction_id": "57d5293c", "status_code": "200",
            "payment_type": "qris", "order_id": "A-17", "merchant_id": "G1", "gross_amount": "10000.00", "fraud_status": "accept"}
    sign = lambda f, secret: digest("sha512", f["order_id"] + f["status_code"] + f["gross_amount"] + secret)
    battery = in_json("midtrans", "signature_key", sign, ("SB-Mid-server-key", "SB-Mid-server-old"))
    expected = event("transaction.settlement", "57d5293c.settlement.200", None, "A-17", "G1")
    battery.add("another status, which is not signed", battery.make(body, "SB-Mid-server-key", {"transaction_status": "deny"}),
                [event("transaction.deny", "57d5293c.deny.200", None, "A-17", "G1")])
    battery.run(body, expected, [("gross_amount", "10000.0"), ("order_id", "A-18"), ("status_code", "201")],
                [("fraud_status", "challenge")], "missing_field")


def midtrans_iris():
    body = {"reference_no": "10kx8zwhgmzs7x6w", "amount": "20000.00", "status": "completed", "updated_at": "2025-10-09T08:53:20Z"}
    sign = lambda f, text, secret: ["Iris-Signature", digest("sha512", text + secret.encode())]
    in_header("midtrans-iris", sign, ("merchant-key", "old")).run(
        body, event("payout.completed", "10kx8zwhgmzs7x6w.completed", MILLIS, "10kx8zwhgmzs7x6w"), [("status", "failed")])


def midtrans_snap():
    time = "2025-10-09T08:53:20Z"
    body = {"originalPartnerReferenceNo": "A-17", "originalReferenceNo": "A1202", "latestTransactionStatus": "00",
            "amount": {"value": "10000.00", "currency": "IDR"}, "additionalInfo": {"note": "a b"}}

    def make(fields, secret, changes=None, sign=True, path="/webhooks", text=None, indent=None):
        key = dict(zip(map(public, KEYS), KEYS))[secret]
        signed = text or compact(fields)
        content = f"POST:{path}:{digest('sha256', signed)}:{time}".encode()
        body = json.dumps(set_in(fields, changes), indent=indent).encode() if indent else text or compact(set_in(fields, changes))
        headers = JSON + ([["X-SIGNATURE", rsa_sign(key, content)]] if sign else []) + [["X-TIMESTAMP", time]]
        return headers, body, {}

    def library(request, secret):
        return node_oracle.ask("midtrans-snap", request[1], request[0], secret, NOW)

    battery = Fields("midtrans-snap", make, tuple(map(public, KEYS)), library, node=["midtrans-client"])
    expected = event("transaction.00", "A1202.00", MILLIS, "A-17")
    secret = battery.secrets[0]
    battery.add("with white space", make(body, secret, indent=2), [expected])
    number = b'{"originalReferenceNo":"A1202","latestTransactionStatus":"00","amount":10000.00}'
    battery.add("a number that no library writes so", make(body, secret, text=number), [event("transaction.00", "A1202.00", MILLIS, "A1202")],
                differs="the library writes the JSON anew")
    battery.add("another path", make(body, secret, path="/other"), "signature_mismatch")
    headers, text, _ = make(body, secret, path="/before/the/proxy")
    battery.add("the path before a proxy", (headers, text, {"url": "https://pay.example.com/before/the/proxy"}), [expected], ask=False)
    battery.run(body, expected, [("latestTransactionStatus", "06"), ("additionalInfo.note", "ab")])


def nuvei():
    fields = {"totalAmount": "120.50", "currency": "EUR", "responseTimeStamp": "2025-10-09.08:53:20", "PPP_TransactionID": "P1",
              "Status": "APPROVED", "productId": "A-17 é", "TransactionID": "T1", "transactionType": "Sale", "merchant_id": "M1"}
    signed = ["totalAmount", "currency", "responseTimeStamp", "PPP_TransactionID", "Status", "productId"]

    def make(fields, secret, changes=None, sign=True, algorithm="sha256", get=False):
        value = lambda name: fields.get(name, fields.get("status", "") if name == "Status" else "")
        checksum = digest(algorithm, secret + "".join(map(value, signed)))
        form = urlencode(set_in(fields, changes) | ({"advanceResponseChecksum": checksum} if sign else {}))
        if get:
            return [], b"", {"method": "GET", "target": f"/webhooks?{form}"}
        return FORM, form.encode(), {}

    battery = Fields("nuvei", make, ("nv-key-new", "nv-key-old"))
    expected = event("Sale.APPROVED", "T1", None, "P1", "M1")
    payload = make(fields, "nv-key-new")[1].decode()
    battery.add("by GET", make(fields, "nv-key-new", get=True), [expected | {"payload": payload}])
    headers, body, _ = make(fields, "nv-key-new", algorithm="md5")
    battery.add("MD5 by configuration", (headers, body, {"params": {"algorithm": "MD5"}}), [expected])
    battery.add("MD5 without configuration", (headers, body, {}), "signature_mismatch")
    lower = {name: value for name, value in fields.items() if name != "Status"} | {"status": "APPROVED"}
    battery.add("the status in lower case", make(lower, "nv-key-new"), [expected])
    battery.add("both, of which the first counts", make(fields, "nv-key-new", {"Status": "DECLINED", "status": "APPROVED"}), "signature_mismatch")
    bare = {"PPP_TransactionID": "P1", "Status": "PENDING"}
    battery.add("absent values are empty", make(bare, "nv-key-new"), [event("dmn", None, None, "P1")])
    subscription = {"dmnType": "subscription", "subscriptionId": "S1", "subscriptionState": "ACTIVE", "merchant_id": "M1"}
    checksum = digest("sha256", "".join(subscription.values()) + "nv-key-new")
    body = urlencode(subscription | {"responsechecksum": checksum}).encode()
    battery.add("a subscription", (FORM, body, {}), [event("subscription.ACTIVE", None, None, "S1", "M1")])
    battery.add("a subscription that was changed", (FORM, body.replace(b"ACTIVE", b"CANCEL"), {}), "signature_mismatch")
    battery.add("a field twice", (FORM, make(fields, "nv-key-new")[1] + b"&Status=DECLINED", {}), "malformed_body")
    battery.run(fields, expected, [("totalAmount", "120.5"), ("Status", "DECLINED"), ("productId", "A-18")], [("email", "a@b.example")], "missing_field")


def payu():
    body = {"order": {"orderId": "LDLW5N7MF4140324GUEST000P01", "orderCreateDate": "2025-10-09T10:53:20.000+02:00", "merchantPosId": "145227",
                      "totalAmount": "200", "status": "COMPLETED"}}
    refund = {"orderId": "LDLW5N7MF4140324GUEST000P01", "refund": {"refundId": "912128", "amount": "15516", "status": "FINALIZED"}}

    def make(fields, secret, changes=None, sign=True, algorithm="MD5", name="OpenPayu-Signature", hashed="md5", text="sender=checkout;signature={};algorithm={};content=DOCUMENT"):
        value = text.format(digest(hashed, compact(fields) + secret.encode()), algorithm)
        return JSON + ([[name, value]] if sign else []), compact(set_in(fields, changes)), {}

    battery = Fields("payu", make, ("13a980d4f851f3d9a1cfc792fb1f5e50", "old"))
    secret = battery.secrets[0]
    expected = event("order.COMPLETED", "LDLW5N7MF4140324GUEST000P01.COMPLETED", MILLIS, "LDLW5N7MF4140324GUEST000P01", "145227")
    battery.add("the other header", make(body, secret, name="X-OpenPayU-Signature"), [expected])
    battery.add("a semicolon at the end", make(body, secret, text="sender=checkout;signature={};algorithm={};content=DOCUMENT;"), [expected])
    for name, hashed in [("SHA", "sha1"), ("SHA-1", "sha1"), ("SHA-256", "sha256"), ("SHA-384", "sha384"), ("SHA-512", "sha512")]:
        battery.add(name, make(body, secret, algorithm=name, hashed=hashed), [expected])
    battery.add("MD5 where SHA-256 is named", make(body, secret, algorithm="SHA-256"), "signature_mismatch")
    battery.add("an unknown algorithm", make(body, secret, algorithm="CRC32"), "no_known_signature")
    headers, text, _ = make(body, secret)
    battery.add("MD5 where the source takes others", (headers, text, {"params": {"algorithms": "SHA-256, SHA-512"}}), "no_known_signature")
    battery.add("a refund", make(refund, secret), [event("refund.FINALIZED", "refund.912128.FINALIZED", None, "LDLW5N7MF4140324GUEST000P01")])
    battery.run(body, expected, [("order.status", "CANCELED"), ("order.totalAmount", "2000")])


def przelewy24():
    body = {"merchantId": 1, "posId": 1, "sessionId": "a/ü\"1", "amount": 100, "originAmount": 100, "currency": "PLN",
            "orderId": 9007199254740993, "methodId": 25, "statement": "p24-B1C-D2E"}
    names = ["merchantId", "posId", "sessionId", "amount", "originAmount", "currency", "orderId", "methodId", "statement"]
    sign = lambda f, secret: digest("sha384", compact({name: f[name] for name in names} | {"crc": secret}))
    battery = in_json("przelewy24", "sign", sign, ("a123b456c789d012", "old"))
    expected = event("transaction.paid", None, None, "a/ü\"1", "1")
    other = dict(reversed(body.items()))
    battery.add("in another order", battery.make(other, "a123b456c789d012"), [expected])
    battery.run(body, expected, [("orderId", 9007199254740992), ("amount", 10), ("sessionId", "a/ü1"), ("currency", "EUR")],
                [("note", "x")], "missing_field")


def tap():
    charge = {"id": "chg_1", "object": "charge", "live_mode": False, "amount": 12.5, "currency": "KWD", "status": "CAPTURED",
              "reference": {"gateway": "g1", "payment": "p1"}, "transaction": {"created": str(MILLIS)}, "merchant": {"id": "m1"}}
    refund = {"id": "re_1", "object": "refund", "amount": 1.0, "currency": "SAR", "status": "REFUNDED", "reference": {"merchant": "r"}, "created": MILLIS}
    invoice = {"id": "inv_1", "object": "invoice", "amount": 100, "currency": "JPY", "status": "PAID", "updated": MILLIS + 5, "created": MILLIS}

    def text(f):
        amount = {"KWD": "12.500", "SAR": "1.00", "JPY": "100"}[f["currency"]]
        start = f"x_id{f['id']}x_amount{amount}x_currency{f['currency']}"
        if "updated" in f:
            return f"{start}x_updated{f['updated']}x_status{f['status']}x_created{f['created']}"
        reference = f["reference"]
        created = f["transaction"]["created"] if "transaction" in f else f["created"]
        return f"{start}x_gateway_reference{reference.get('gateway', '')}x_payment_reference{reference.get('payment', '')}x_status{f['status']}x_created{created}"

    sign = lambda f, body, secret: ["hashstring", mac(secret, text(f)).hexdigest()]
    battery = in_header("tap", sign, ("sk_test_new", "sk_test_old"), [("hash", "unknown")])
    battery.add("a refund", battery.make(refund, "sk_test_new"), [event("refund.REFUNDED", "re_1.REFUNDED", MILLIS, "re_1")])
    battery.add("an invoice", battery.make(invoice, "sk_test_new"), [event("invoice.PAID", "inv_1.PAID", MILLIS, "inv_1")])
    expected = event("charge.CAPTURED", "chg_1.CAPTURED", MILLIS, "chg_1", "m1")
    battery.add("the amount in other digits", battery.make(charge, "sk_test_new", {"amount": "12.50"}), [expected])
    battery.run(charge, expected, [("amount", 12.501), ("status", "FAILED"), ("currency", "SAR"), ("reference.payment", "p2")],
                [("customer", {"id": "c"})])


def toss():
    body = {"eventType": "payout.changed", "createdAt": "2025-10-09T17:53:20+09:00", "eventId": "e1", "version": "v1", "entityType": "payout",
            "entityBody": {"id": "FPA_1", "status": "COMPLETED"}}
    time = "2025-10-09T17:53:21+09:00"
    key, old = "ab" * 32, "cd" * 32

    def value(key, text):
        return base64.b64encode(hmac.new(key, text + b":" + time.encode(), "sha256").digest()).decode()

    sign = lambda f, text, secret: ["tosspayments-webhook-signature", f"v1:{value(secret.encode(), text)},v1:{value(b'other', text)}"]
    battery = in_header("toss", sign, (key, old), [("tosspayments-webhook-transmission-time", time), ("tosspayments-webhook-transmission-id", "t1")])
    expected = event("payout.changed", "e1", MILLIS, "FPA_1")
    text = compact(body)
    headers = [["tosspayments-webhook-signature", f"v1:{value(bytes.fromhex(key), text)}"], ["tosspayments-webhook-transmission-time", time]]
    battery.add("under the decoded key", (JSON + headers, text, {}), [expected])
    second = [["tosspayments-webhook-signature", f"v1:{value(b'x', text)},v1:{value(key.encode(), text)}"], ["tosspayments-webhook-transmission-time", time]]
    battery.add("the second signature matches", (JSON + second, text, {}), [expected])
    late = [headers[0], ["tosspayments-webhook-transmission-time", "later"]]
    battery.add("another time", (JSON + late, text, {}), "signature_mismatch")
    battery.run(body, expected, [("entityBody.status", "FAILED"), ("eventId", "e2")])


def toss_unsigned():
    vectors = Vectors("toss-unsigned")
    body = b'{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2025-10-09T17:53:20.123456","data":{"paymentKey":"5zJ4","orderId":"A-17","status":"DONE"}}'
    deposit = b'{"createdAt":"2025-10-09T17:53:20.000000","secret":"ps_1","status":"DONE","transactionKey":"T1","orderId":"A-17"}'
    vectors.add("plain", JSON, body, [], [event("PAYMENT_STATUS_CHANGED", subject="5zJ4")], None)
    vectors.add("a virtual account", JSON, deposit, [], [event("DEPOSIT_CALLBACK", subject="A-17")], None)
    vectors.add("no type", JSON, b"{}", [], "missing_field", None)
    vectors.add("no JSON", JSON, b"a=b", [], "malformed_body", None)
    vectors.save()


def wompi():
    body = {"event": "transaction.updated", "data": {"transaction": {"id": "01-1532941443-49201", "amount_in_cents": 4490000, "reference": "A-17",
            "status": "APPROVED"}}, "environment": "prod", "timestamp": NOW, "sent_at": "2025-10-09T08:53:20.000Z"}
    listed = ["transaction.id", "transaction.status", "transaction.amount_in_cents"]

    def make(fields, secret, changes=None, sign=True, properties=listed):
        def value(path):
            at = fields["data"]
            for step in path.split("."):
                at = at[step]
            return str(at)
        checksum = digest("sha256", "".join(map(value, properties)) + str(fields["timestamp"]) + secret)
        signed = {"signature": {"properties": properties, "checksum": checksum}} if sign else {}
        return JSON + [["X-Event-Checksum", checksum]], compact(set_in(fields | signed, changes)), {}

    battery = Fields("wompi", make, ("prod_events_new", "prod_events_old"))
    expected = event("transaction.updated", None, MILLIS, "01-1532941443-49201")
    checksum = json.loads(make(body, "prod_events_new")[1])["signature"]["checksum"]
    battery.add("in capitals", make(body, "prod_events_new", {"signature.checksum": checksum.upper()}), [expected])
    battery.add("in another order", make(body, "prod_events_new", properties=listed[::-1]), [expected])
    token = {"event": "nequi_token.updated", "data": {"nequi_token": {"id": "n1", "status": "APPROVED", "phone_number": "3107654321"}},
             "environment": "test", "timestamp": NOW}
    named = ["nequi_token.id", "nequi_token.status", "nequi_token.phone_number"]
    battery.add("a token", make(token, "prod_events_new", properties=named), [event("nequi_token.updated", None, MILLIS, "n1")])
    for name, properties in [("no amount", listed[:2]), ("no status", [listed[0], listed[2]]), ("no id", listed[1:]),
                             ("another object", ["transaction.reference"]), ("nothing", [])]:
        battery.add(f"a list that names {name}", make(body, "prod_events_new", properties=properties), "malformed_signature")
    battery.add("a list with a pointer", make(body, "prod_events_new", {"signature.properties": ["transaction/id"] + listed}), "malformed_signature")
    battery.run(body, expected, [("data.transaction.status", "DECLINED"), ("data.transaction.amount_in_cents", 1), ("timestamp", NOW + 1)],
                [("data.transaction.reference", "A-18"), ("environment", "other")], "missing_field")


def antom():
    body = {"notifyType": "PAYMENT_RESULT", "paymentRequestId": "A-17", "paymentId": "2020010123456789XXXX", "paymentTime": "2025-10-09T08:53:20Z",
            "paymentAmount": {"currency": "USD", "value": "8000"}, "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success"}}
    time, client = "2025-10-09T08:53:21Z", "T_111222333"
    secrets = tuple(public(key, serialization.Encoding.DER) for key in KEYS)

    def make(fields, secret, changes=None, sign=True, path="/webhooks", encode=lambda text: quote(text, safe=""), target=None):
        key = dict(zip(secrets, KEYS))[secret]
        content = f"POST {path}\n{client}.{time}.".encode() + compact(fields)
        value = f"algorithm=RSA256,keyVersion=1,signature={encode(rsa_sign(key, content))}"
        headers = JSON + ([["signature", value]] if sign else []) + [["client-id", client], ["request-time", time]]
        return headers, compact(set_in(fields, changes)), {"target": target} if target else {}

    def library(request, secret):
        from com.alipay.ams.api.tools.webhook_tool import check_signature
        headers = {name.lower(): value for name, value in request[0]}
        path = request[2].get("target", "/webhooks")
        return check_signature("POST", path, headers["client-id"], headers["request-time"], request[1].decode(), headers.get("signature"), secret)

    asked = installed("global-open-sdk-python")
    battery = Fields("antom", make, secrets, library if asked else None, ["global-open-sdk-python"] if asked else [])
    expected = event("PAYMENT_RESULT", None, MILLIS, "2020010123456789XXXX")
    secret = secrets[0]
    battery.add("a key in PEM", make(body, secret), [expected], (public(KEYS[0]),), ask=False)
    battery.add("the query is signed too", make(body, secret, path="/webhooks?a=1", target="/webhooks?a=1"), [expected])
    battery.add("the query is not signed", make(body, secret, target="/webhooks?a=1"), [expected], ask=False)
    battery.add("another path", make(body, secret, path="/other"), "signature_mismatch")
    headers, text, _ = make(body, secret, path="/before")
    battery.add("the path before a proxy", (headers, text, {"url": "https://pay.example.com/before"}), [expected], ask=False)
    headers, text, _ = make(body, secret)
    battery.add("the expected client", (headers, text, {"params": {"client_id": client}}), [expected])
    battery.add("another client than expected", (headers, text, {"params": {"client_id": "T_2"}}), "unexpected_value", ask=False)
    plain = make(body, secret, encode=lambda text: text)
    battery.add("base64 that is not percent-encoded", plain, [expected], ask=False)
    battery.run(body, expected, [("result.resultStatus", "F"), ("paymentAmount.value", "80")])


def alipay():
    fields = {"notify_time": "2025-10-09 16:53:20", "notify_type": "trade_status_sync", "notify_id": "91722adff935e8cfa58b3aabf4dead6ibe",
              "charset": "utf-8", "sign_type": "RSA2", "app_id": "2021000", "seller_id": "2088", "out_trade_no": "A-17", "trade_no": "2025",
              "trade_status": "TRADE_SUCCESS", "total_amount": "10.00", "subject": "50% off 茶 &=", "body": ""}
    secrets = tuple(public(key, serialization.Encoding.DER) for key in KEYS)

    def make(fields, secret, changes=None, sign=True, kept=False, algorithm=hashes.SHA256):
        key = dict(zip(secrets, KEYS))[secret]
        signed = {name: value for name, value in fields.items() if kept or name != "sign_type"}
        content = "&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode()
        form = set_in(fields, changes) | ({"sign": rsa_sign(key, content, algorithm)} if sign else {})
        return FORM, urlencode(form).encode(), {}

    def library(request, secret):
        return node_oracle.ask("alipay", request[1], request[0], secret, NOW)

    battery = Fields("alipay", make, secrets, library, node=["alipay-sdk"])
    expected = event("trade_status_sync.TRADE_SUCCESS", "91722adff935e8cfa58b3aabf4dead6ibe", None, "A-17", "2021000")
    secret = secrets[0]
    battery.add("sign_type is signed too", make(fields, secret, kept=True), [expected])
    battery.add("RSA", make(fields | {"sign_type": "RSA"}, secret, algorithm=hashes.SHA1), [expected])
    battery.add("SHA-1 where RSA2 is said", make(fields, secret, algorithm=hashes.SHA1), "signature_mismatch")
    headers, body, _ = make(fields | {"sign_type": "RSA"}, secret, algorithm=hashes.SHA1)
    battery.add("RSA where the source takes RSA2", (headers, body, {"params": {"algorithms": "RSA2"}}), "no_known_signature", ask=False)
    battery.add("a key in PEM", make(fields, secret), [expected], (public(KEYS[0]),), ask=False)
    headers, body, _ = make(fields, secret)
    battery.add("the expected application", (headers, body, {"params": {"app_id": "2021000", "seller_id": "2088"}}), [expected])
    battery.add("another seller than expected", (headers, body, {"params": {"seller_id": "2089"}}), "unexpected_value", ask=False)
    battery.add("a field more", (headers, body + b"&more=1", {}), "signature_mismatch")
    battery.add("a field twice", (headers, body + b"&body=", {}), "malformed_body", ask=False)
    battery.run(fields, expected, [("total_amount", "100.00"), ("trade_status", "TRADE_CLOSED"), ("body", "x")], missing="missing_field")


for make in [dlocal, fawry, iyzico, mercado_pago, midtrans, midtrans_iris, midtrans_snap, nuvei, payu, przelewy24, tap, toss, toss_unsigned,
             wompi, antom, alipay]:
    make()
