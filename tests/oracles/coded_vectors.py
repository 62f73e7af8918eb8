"""The schemes that need code in Tollgate: Adyen, Braintree, Twilio, Plaid, PayPal and Mollie's
classic webhooks."""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote_plus, urlencode

import braintree
import jwt
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from twilio.request_validator import RequestValidator, get_signature_algorithm

from vectors import NOW, Vectors

JSON = [["Content-Type", "application/json"]]
FORM = [["Content-Type", "application/x-www-form-urlencoded"]]


def event(kind, id=None, created=None, subject=None, account=None, **more):
    return {"id": id, "kind": kind, "created": created, "subject": subject, "account": account, **more}


def any_of(check, secrets):
    last = None
    for secret in secrets:
        try:
            if check(secret) is not False:
                return True
        except Exception as error:
            last = error
    if last:
        raise last
    return False


def adyen():
    key, old = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056", "AB" * 32
    vectors = Vectors("adyen", "Adyen")

    def item(secret=key, **changes):
        signature = changes.pop("signature", None)
        unsigned = {"additionalData": {"x": "y"}, "eventDate": "2025-10-09T10:53:20+02:00", "reason": "a:b"}
        signed = {
            "amount": {"value": 1130, "currency": "EUR"}, "pspReference": "7914073381342284",
            "originalReference": "", "eventCode": "AUTHORISATION", "merchantAccountCode": "TestMerchant",
            "merchantReference": "TestPayment-1407325143704", "success": "true",
        } | changes
        whole = signed | unsigned
        whole["additionalData"] = {"hmacSignature": signature or generate_notification_sig(signed, secret).decode()}
        return {"NotificationRequestItem": whole}

    def body(*items):
        return json.dumps({"live": "false", "notificationItems": list(items)}).encode()

    def payload(one):
        return json.dumps(one)

    def add(name, items, expect, secrets=(key,), raw=None, **more):
        text = raw or body(*items)
        parsed = json.loads(text) if raw is None else None
        check = (lambda: any_of(lambda secret: is_valid_hmac_notification(parsed, secret), secrets)) if parsed else None
        vectors.add(name, JSON, text, list(secrets), expect, check, **more)

    def expected(one, **changes):
        return event("AUTHORISATION", "7914073381342284|AUTHORISATION|true", 1760000000000,
                     "7914073381342284", "TestMerchant", payload=payload(one)) | changes

    one = item()
    refund = item(pspReference="R1", originalReference="7914073381342284", eventCode="REFUND", success="false")
    refunded = expected(refund, id="R1|REFUND|false", kind="REFUND")
    add("plain", [one], [expected(one)])
    add("a batch", [one, refund], [expected(one), refunded])
    second = item(old)
    add("the second secret matches", [second], [expected(second)], (key, old), secret=1)
    add("a batch over a change of keys", [one, second], [expected(one), expected(second)], (key, old), secret=1)
    colon = item(merchantReference="order:1\\2:x")
    add("a merchant reference with colons is not escaped", [colon], [expected(colon)])
    missing = item()
    del missing["NotificationRequestItem"]["originalReference"]
    add("an absent original reference is empty", [missing], [expected(missing)])
    forged = item(pspReference="R2", signature=one["NotificationRequestItem"]["additionalData"]["hmacSignature"])
    add("one forged item refuses the whole request", [one, forged], "signature_mismatch",
        differs="the library checks item 0 only")
    add("the first item forged", [forged, one], "signature_mismatch")
    unsigned = item()
    del unsigned["NotificationRequestItem"]["additionalData"]
    add("an unsigned item refuses the whole request", [one, unsigned], "no_known_signature",
        differs="the library checks item 0 only")
    add("wrong key", [item(old)], "signature_mismatch")
    add("an amount changed", [item(amount={"value": 1, "currency": "EUR"},
        signature=one["NotificationRequestItem"]["additionalData"]["hmacSignature"])], "signature_mismatch")
    shifted = item(merchantAccountCode="TestMerchant:TestPayment-1407325143704", merchantReference="x")
    add("a colon in the account", [shifted], [expected(shifted, account="TestMerchant:TestPayment-1407325143704")])
    add("no base64", [item(signature="%")], "malformed_signature")
    add("an empty batch", [], "malformed_body", raw=b'{"live":"false","notificationItems":[]}')
    add("no batch", [], "malformed_body", raw=b'{"live":"false"}')
    add("no JSON", [], "malformed_body", raw=b"live=false")
    vectors.save()


def braintree_():
    public, private = "integration_public_key", "integration_private_key"
    gateway = braintree.BraintreeGateway(braintree.Configuration(
        environment=braintree.Environment.Sandbox, merchant_id="m", public_key=public, private_key=private))
    vectors = Vectors("braintree", "braintree")
    sample = gateway.webhook_testing.sample_notification(
        braintree.WebhookNotification.Kind.SubscriptionChargedSuccessfully, "my_id")
    signature, payload = sample["bt_signature"], sample["bt_payload"]
    if isinstance(payload, bytes):
        payload = payload.decode()
    stamp = base64.b64decode(payload).decode().split('<timestamp type="datetime">')[1].split("<")[0]
    at = int(datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp() * 1000)
    expected = event("subscription_charged_successfully", None, at, "my_id")

    def mac(payload, private=private):
        return hmac.new(hashlib.sha1(private.encode()).digest(), payload.encode(), hashlib.sha1).hexdigest()

    def add(name, signature, payload, expect, form=None, secrets=(private,), keys=public, **more):
        body = (form or urlencode({"bt_signature": signature, "bt_payload": payload})).encode()
        fields = dict(parse_qsl(body.decode()))
        ask = lambda: gateway.webhook_notification.parse(fields.get("bt_signature"), fields.get("bt_payload")) and True
        vectors.add(name, FORM, body, list(secrets), expect, ask if len(secrets) == 1 else None,
                    params={"public_key": keys}, **more)

    add("as the library's own test notification", signature, payload, [expected])
    compact = payload.replace("\n", "")
    add("signed with a line's end that is not sent", f"{public}|{mac(compact + chr(10))}", compact, [expected])
    add("among signatures of other keys", f"other|{'0' * 40}&{public}|{mac(payload)}", payload, [expected])
    add("the second secret matches", f"old_public|{mac(payload, 'old')}", payload, [expected],
        secrets=(private, "old"), keys=f"{public}, old_public", secret=1)
    add("another public key", f"other|{mac(payload)}", payload, "no_known_signature")
    add("wrong private key", f"{public}|{mac(payload, 'x')}", payload, "signature_mismatch")
    add("the private key itself", f"{public}|{hmac.new(private.encode(), payload.encode(), hashlib.sha1).hexdigest()}",
        payload, "signature_mismatch")
    other = base64.b64encode(b"<notification><kind>x</kind></notification>").decode()
    add("another payload", signature, other, "signature_mismatch")
    add("upper-case hex", f"{public}|{mac(payload).upper()}", payload, "malformed_signature")
    add("truncated signature", f"{public}|{mac(payload)[:-2]}", payload, "signature_mismatch")
    add("illegal characters", f"{public}|{mac('ab!d')}", "ab!d", "malformed_body")
    add("no signature", None, None, "malformed_body", form=urlencode({"bt_payload": payload}))
    add("a signature without bar", mac(payload), payload, "no_known_signature")
    twice = urlencode([("bt_signature", signature), ("bt_payload", payload), ("bt_payload", other)])
    add("two payloads", None, None, "malformed_body", form=twice)
    nonsense = base64.b64encode(b"<notification><kind>").decode()
    add("signed, but cut short", f"{public}|{mac(nonsense)}", nonsense, "unreadable:malformed_body")
    untyped = base64.b64encode(b"<notification><subject/></notification>").decode()
    add("signed, but no kind", f"{public}|{mac(untyped)}", untyped, "unreadable:missing_field")
    bomb = base64.b64encode(b'<!DOCTYPE n [<!ENTITY a "aaaa">]><notification><kind>&a;</kind></notification>').decode()
    add("entities are not expanded", f"{public}|{mac(bomb)}", bomb, "unreadable:missing_field")
    vectors.save()


def twilio():
    token, old = "12345", "old"
    url = "https://pay.example.com/myapp"
    vectors = Vectors("twilio", "twilio")
    params = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
              "From": "+14158675309", "To": "+18005551212", "AccountSid": "AC1", "CallStatus": "completed"}
    body = urlencode(params).encode()
    expected = event("call.completed", None, None, "CA1234567890ABCDE", "AC1")

    def sign(url, params, secret=token, algorithm=None):
        return RequestValidator(secret).compute_signature(url, params, algorithm)

    def add(name, signature, body, expect, query="", headers=FORM, secrets=(token,), ask=True, extra=(),
            configured=url, **more):
        given = headers + [list(pair) for pair in extra]
        settings = dict(given).get("X-Twilio-Webhooks-Signature-Settings")
        if signature is not None:
            given = given + [["X-Twilio-Signature", signature]]

        def check(secret):
            parsed = dict(parse_qsl(body.decode(), keep_blank_values=True)) if headers is FORM else body.decode()
            algorithm = get_signature_algorithm(settings) if settings else None
            return RequestValidator(secret).validate(configured + query, parsed, signature, algorithm)

        vectors.add(name, given, body, list(secrets), expect, (lambda: any_of(check, secrets)) if ask else None,
                    url=configured, target="/myapp" + query, **more)

    add("a form", sign(url, params), body, [expected])
    add("fields in another order", sign(url, params), urlencode(dict(reversed(params.items()))).encode(), [expected])
    with_query = sign(url + "?foo=1&bar=2", params)
    add("with a query", with_query, body, [expected], query="?foo=1&bar=2")
    add("with another query", with_query, body, "signature_mismatch", query="?foo=1&bar=3")
    add("signed with the port", sign(url.replace(".com", ".com:443"), params), body, [expected])
    ported = url.replace(".com", ".com:8443")
    add("signed without the port", sign(url, params), body, [expected], configured=ported)
    add("signed for http instead of https", sign(url.replace("https", "http"), params), body, "signature_mismatch")
    add("the second secret matches", sign(url, params, old), body, [expected], secrets=(token, old), secret=1)
    add("wrong secret", sign(url, params, old), body, "signature_mismatch")
    add("a field changed", sign(url, params), body.replace(b"1234&", b"1235&"), "signature_mismatch")
    add("a field more", sign(url, params), body + b"&x=y", "signature_mismatch")
    add("no signature header", None, body, "missing_header")
    add("truncated signature", sign(url, params)[:-2], body, "malformed_signature")
    doubled = b"MessageSid=SM1&MessageStatus=sent&To=b&To=a&To=b"
    text = url + "MessageSidSM1MessageStatussentToaTob"
    mac = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    add("repeated values are sorted, each once", mac, doubled, [event("message.sent", None, None, "SM1")], ask=False)
    document = b'{"a":"Twilio rocks"}'
    query = "?bodySHA256=" + hashlib.sha256(document).hexdigest()
    add("JSON", sign(url + query, {}), document, [event("webhook")], query=query, headers=JSON)
    add("JSON that was changed", sign(url + query, {}), document + b" ", "malformed_body", query=query, headers=JSON)
    add("JSON without its hash", sign(url, {}), document, "malformed_signature", headers=JSON)
    shared = [("X-Twilio-Webhooks-Signature-Settings", "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")]
    add("a shared key", sign(url, params, token, "HMAC_SHA256"), body, [expected], extra=shared)
    add("sha1 where sha256 was announced", sign(url, params), body, "signature_mismatch", extra=shared)
    add("an unknown algorithm", sign(url, params), body, "no_known_signature",
        extra=[("X-Twilio-Webhooks-Signature-Settings", "key=k,algorithm=HMAC_MD5")])
    vectors.save()


def plaid():
    vectors = Vectors("plaid", "PyJWT")
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def jwk(key, kid, **more):
        numbers = key.public_key().public_numbers()
        b64 = lambda number: base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
        return json.dumps({"alg": "ES256", "crv": "P-256", "kid": kid, "kty": "EC", "use": "sig",
                           "x": b64(numbers.x), "y": b64(numbers.y), "created_at": 1, "expired_at": None} | more)

    mine, theirs = jwk(key, "kid-1"), jwk(other, "kid-2")
    body = b'{\n  "webhook_type": "TRANSACTIONS",\n  "webhook_code": "SYNC_UPDATES_AVAILABLE",\n  "item_id": "wz666"\n}'
    expected = event("TRANSACTIONS.SYNC_UPDATES_AVAILABLE", None, None, "wz666")

    def token(body=body, key=key, kid="kid-1", iat=NOW, algorithm="ES256", header=(), **claims):
        claims = {"iat": iat, "request_body_sha256": hashlib.sha256(body).hexdigest()} | claims
        return jwt.encode(claims, key, algorithm, headers={"kid": kid} | dict(header))

    def add(name, value, expect, secrets=(mine,), body=body, ask=True, **more):
        def check(secret):
            header = jwt.get_unverified_header(value)
            known = json.loads(secret)
            if header["alg"] != "ES256" or header["kid"] != known["kid"]:
                return False
            claims = jwt.decode(value, jwt.PyJWK(known), algorithms=["ES256"], options={"verify_iat": False})
            fresh = datetime.now(timezone.utc).timestamp() - claims["iat"] <= 300
            return fresh and claims["request_body_sha256"] == hashlib.sha256(body).hexdigest()

        headers = JSON + ([["Plaid-Verification", value]] if value is not None else [])
        vectors.add(name, headers, body, list(secrets), expect, (lambda: any_of(check, secrets)) if ask else None, **more)

    add("plain", token(), [expected])
    add("the key inside Plaid's answer", token(), [expected], (json.dumps({"key": json.loads(mine)}),), ask=False)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    add("a key in PEM has no name", token(kid="any"), [expected], (pem.decode(),), ask=False)
    add("the second key matches", token(key=other, kid="kid-2"), [expected], (mine, theirs), secret=1)
    add("an unknown kid", token(kid="kid-3"), "untrusted_key")
    add("another key under a known kid", token(key=other), "signature_mismatch")
    add("exactly 300 s old", token(iat=NOW - 300), [expected])
    add("301 s old", token(iat=NOW - 301), "timestamp_too_old")
    add("301 s ahead", token(iat=NOW + 301), "timestamp_in_future", differs="Plaid's example does not bound the future")
    add("an expired key", token(), "untrusted_key", (jwk(key, "kid-1", expired_at=NOW - 1),),
        differs="this check of expired_at is in Plaid's text, not in its example")
    add("a key that will expire", token(), [expected], (jwk(key, "kid-1", expired_at=NOW + 1),))
    add("body with a byte more", token(), "signature_mismatch", body=body + b" ")
    add("re-serialised body", token(), "signature_mismatch", body=json.dumps(json.loads(body)).encode())
    good = token()
    head, claims, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"kid-1"}').rstrip(b"=").decode()
    add("alg none", f"{none}.{claims}.", "no_known_signature")
    confused = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"kid-1"}').rstrip(b"=").decode()
    mac = hmac.new(pem, f"{confused}.{claims}".encode(), hashlib.sha256).digest()
    add("HMAC under the public key", f"{confused}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "no_known_signature")
    add("a demand for extensions", token(header=[("crit", ["x"]), ("x", 1)]), "malformed_signature", ask=False)
    add("no header", None, "missing_header", ask=False)
    add("two parts", f"{head}.{claims}", "malformed_signature")
    add("four parts", f"{good}.x", "malformed_signature")
    add("truncated signature", good[:-2], "signature_mismatch")
    add("claims changed", f"{head}.{claims[:-1]}{'A' if claims[-1] != 'A' else 'B'}.{signature}", "signature_mismatch", ask=False)
    add("no hash in the claims", jwt.encode({"iat": NOW}, key, "ES256", headers={"kid": "kid-1"}), "malformed_signature")
    vectors.save()


def paypal():
    vectors = Vectors("paypal", "cryptography")
    webhook_id = "1JE4291016473214C"

    def certified():
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "messageverificationcerts.paypal.com")])
        start = datetime(2025, 1, 1, tzinfo=timezone.utc)
        cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                .serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=3650))
                .sign(key, hashes.SHA256()))
        return key, cert.public_bytes(serialization.Encoding.PEM).decode()

    key, cert = certified()
    other, other_cert = certified()
    body = (b'{"id":"WH-COC11055RA711503B-4YM959094A144403T","event_version":"1.0","create_time":"2025-10-09T08:53:20.000Z",'
            b'"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"42311647XV020574X","amount":{"value":"30.00"}}}')
    expected = event("PAYMENT.CAPTURE.COMPLETED", "WH-COC11055RA711503B-4YM959094A144403T", 1760000000000, "42311647XV020574X")
    sent = "2025-10-09T08:53:21Z"

    def sign(body=body, key=key, id="tx-1", sent=sent, webhook=webhook_id, hash=hashes.SHA256()):
        text = f"{id}|{sent}|{webhook}|{binascii.crc32(body) & 0xffffffff}"
        return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hash)).decode()

    def add(name, signature, expect, body=body, secrets=(cert,), drop=None, **more):
        changes = {name: more.pop(name) for name in ["id", "sent", "url", "algorithm"] if name in more}
        headers = JSON + [
            ["PAYPAL-TRANSMISSION-ID", changes.get("id", "tx-1")], ["PAYPAL-TRANSMISSION-TIME", changes.get("sent", sent)],
            ["PAYPAL-TRANSMISSION-SIG", signature],
            ["PAYPAL-CERT-URL", changes.get("url", "https://api.paypal.com/v1/notifications/certs/CERT-360caa42")],
            ["PAYPAL-AUTH-ALGO", changes.get("algorithm", "SHA256withRSA")]]
        headers = [pair for pair in headers if pair[0] != drop]
        vectors.add(name, headers, body, list(secrets), expect, None, params={"webhook_id": webhook_id}, **more)

    # The checksum of a body is above 0x7fffffff half of the time. Both halves are tested, because
    # the checksum is written as an unsigned number.
    low = next(body + b" " * n for n in range(1, 64) if binascii.crc32(body + b" " * n) < 0x80000000)
    high = next(body + b" " * n for n in range(1, 64) if binascii.crc32(body + b" " * n) >= 0x80000000)
    add("plain", sign(), [expected])
    add("a checksum below 2^31", sign(low), [expected], body=low)
    add("a checksum above 2^31", sign(high), [expected], body=high)
    add("the second certificate matches", sign(key=other), [expected], secrets=(cert, other_cert), secret=1)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    add("a bare public key", sign(), [expected], secrets=(public.decode(),))
    add("another certificate", sign(key=other), "signature_mismatch")
    add("body with a byte more", sign(), "signature_mismatch", body=body + b" ")
    add("another webhook's id", sign(webhook="other"), "signature_mismatch")
    add("another transmission id", sign(), "signature_mismatch", id="tx-2")
    add("another time", sign(), "signature_mismatch", sent="2025-10-09T08:53:22Z")
    add("no algorithm", sign(), "missing_header", drop="PAYPAL-AUTH-ALGO")
    add("no certificate's URL", sign(), "missing_header", drop="PAYPAL-CERT-URL")
    add("no transmission id", sign(), "missing_header", drop="PAYPAL-TRANSMISSION-ID")
    add("SHA-1", sign(hash=hashes.SHA1()), "no_known_signature", algorithm="SHA1withRSA")
    add("a certificate from elsewhere", sign(), "untrusted_key", url="https://api.paypal.com.evil.example/certs/1")
    add("a certificate over http", sign(), "untrusted_key", url="http://api.paypal.com/certs/1")
    add("a bar in the transmission's id", sign(id="a|b"), "malformed_signature", id="a|b")
    add("signed, but no id", sign(b'{"event_type":"A"}'), "unreadable:missing_field", body=b'{"event_type":"A"}')
    add("signed, but no JSON", sign(b"x"), "unreadable:malformed_body", body=b"x")
    add("a bound on the time, kept", sign(), [expected], tolerance=300)
    late = "2025-10-09T08:48:19Z"
    add("a bound on the time, broken", sign(sent=late), "timestamp_too_old", sent=late, tolerance=300)
    vectors.save()


def mollie_classic():
    vectors = Vectors("mollie-classic")
    for name, body, expect in [
        ("plain", b"id=tr_d0b0E3EA3v", [event("payment.changed", subject="tr_d0b0E3EA3v")]),
        ("an order", b"id=ord_pbjz8x", [event("order.changed", subject="ord_pbjz8x")]),
        ("something new", b"id=xyz_1", [event("resource.changed", subject="xyz_1")]),
        ("no id", b"x=1", "missing_field"),
        ("two ids", b"id=tr_1&id=tr_2", "missing_field"),
        ("an empty id", b"id=", "malformed_body"),
        ("an id of other signs", b"id=tr_%3Cscript%3E", "malformed_body"),
        ("a long id", b"id=" + b"a" * 65, "malformed_body"),
    ]:
        vectors.add(name, FORM, body, [], expect, None)
    vectors.save()


for make in [adyen, braintree_, twilio, plaid, paypal, mollie_classic]:
    make()
