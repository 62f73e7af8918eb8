"""Schemes whose keys come with certificates or by name: Apple, WeChat Pay, Amazon SNS and
Google Play."""

import base64
import json
import tempfile
from datetime import datetime, timedelta, timezone

from appstoreserverlibrary.models.Environment import Environment
from appstoreserverlibrary.signed_data_verifier import SignedDataVerifier
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.oauth2 import id_token
import node_oracle
from vectors import NOW, Vectors
from wechatpayv3.core import Core

JSON = [["Content-Type", "application/json"]]
START = datetime(2025, 1, 1, tzinfo=timezone.utc)
DAY = 86_400


def event(kind, id=None, created=None, subject=None, account=None, **more):
    return {"id": id, "kind": kind, "created": created, "subject": subject, "account": account, **more}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """A key with its certificate, which may sign others."""

    def __init__(self, name, above=None, ca=True, start=START, days=3650, marks=(), curve=ec.SECP256R1):
        self.key = ec.generate_private_key(curve())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = above or self
        usage = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                               "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
        usage |= {"key_cert_sign": True, "crl_sign": True} if ca else {"digital_signature": True}
        builder = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name)
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False))
        for mark in marks:
            builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\x05\x00"), False)
        self.certificate = builder.sign(issuer.key, hashes.SHA384())


def jws(payload, key, chain, alg="ES256", x5c=True, header=None):
    """A token of the form of Apple's: the signature is r and s, 32 bytes each."""
    fields = {"alg": alg} | ({"x5c": [base64.b64encode(der(one)).decode() for one in chain]} if x5c else {})
    fields |= header or {}
    text = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    signed = f"{b64url(json.dumps(fields).encode())}.{b64url(text)}"
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def apple():
    signs, certifies = "1.2.840.113635.100.6.11.1", "1.2.840.113635.100.6.2.1"
    vectors = Vectors("apple", "app-store-server-library")
    bundle, app, at = "com.example.app", 1234567890, NOW * 1000 + 123
    uuid = "002e14d5-51f5-4503-b5a8-c3a1af68eb20"
    root, other = Authority("Root", curve=ec.SECP384R1), Authority("Root", curve=ec.SECP384R1)

    def chain(root=root, own=(signs,), above=(certifies,), above_ca=True, **more):
        between = Authority("Between", root, ca=above_ca, marks=above, curve=ec.SECP384R1)
        leaf = Authority("Leaf", between, ca=False, marks=own, **more)
        return leaf.key, [leaf.certificate, between.certificate, root.certificate]

    good = chain()

    def sign(payload, by=good, **more):
        return jws(payload, *by, **more)

    transaction = {"transactionId": "20", "originalTransactionId": "12", "bundleId": bundle, "productId": "gold",
                   "price": 10990, "currency": "EUR", "signedDate": at, "environment": "Production"}
    renewal = {"originalTransactionId": "12", "productId": "gold", "autoRenewStatus": 1, "signedDate": at,
               "environment": "Production"}

    def notification(kind="SUBSCRIBED", nested=True, box="data", transaction=transaction, renewal=renewal, by=good,
                     **changes):
        inside = {"bundleId": bundle, "appAppleId": app, "environment": "Production"}
        inside |= changes.pop("inside", {})
        if nested:
            inside["signedTransactionInfo"] = sign(transaction, by)
            inside["signedRenewalInfo"] = sign(renewal, by)
        whole = {"notificationType": kind, "subtype": "INITIAL_BUY", "notificationUUID": uuid, box: inside,
                 "version": "2.0", "signedDate": at} | changes
        return {name: value for name, value in whole.items() if value is not None}

    def opened(payload, box="data", **decoded):
        """The payload as handlers get it."""
        inside = {}
        for name, value in payload[box].items():
            inside[name] = value
            if name.startswith("signed"):
                inside[name[6].lower() + name[7:]] = decoded[name]
        return json.dumps(payload | {box: inside}, separators=(",", ":"))

    def expected(payload, kind="SUBSCRIBED.INITIAL_BUY", subject="12", box="data", **decoded):
        decoded = {"signedTransactionInfo": transaction, "signedRenewalInfo": renewal} | decoded
        return event(kind, uuid, payload["signedDate"], subject, bundle, payload=opened(payload, box, **decoded))

    def add(name, token, expect, secrets=None, body=None, environment="Production", asked=None, ask=True, **more):
        secrets = secrets or [pem(root.certificate)]
        body = body if body is not None else json.dumps({"signedPayload": token}).encode()
        params = {"bundle_id": bundle} | ({"environment": environment} if environment else {})
        if environment != "Sandbox":
            params["app_apple_id"] = str(app)

        def check():
            roots = [der(x509.load_pem_x509_certificate(secret.encode())) for secret in secrets]
            verifier = SignedDataVerifier(roots, False, Environment(asked or environment), bundle, app)
            verifier.verify_and_decode_notification(json.loads(body)["signedPayload"])

        vectors.add(name, JSON, body, secrets, expect, check if ask else None, params=params, **more)

    first = notification()
    add("plain", sign(first), [expected(first)])
    renewed = notification("DID_RENEW", subtype=None)
    add("a type without subtype", sign(renewed), [expected(renewed, "DID_RENEW")])
    tested = notification("TEST", nested=False, subtype=None, inside={"environment": "Sandbox", "appAppleId": 0})
    add("a test notification of the sandbox", sign(tested), [expected(tested, "TEST", None)], environment="Sandbox")
    add("either environment: the sandbox", sign(tested), [expected(tested, "TEST", None)], environment=None,
        asked="Sandbox")
    add("either environment: production", sign(first), [expected(first)], environment=None, asked="Production")
    summary = notification("RENEWAL_EXTENSION", nested=False, box="summary", subtype="SUMMARY")
    add("a summary", sign(summary), [expected(summary, "RENEWAL_EXTENSION.SUMMARY", None, "summary")])
    token = notification("EXTERNAL_PURCHASE_TOKEN", nested=False, box="externalPurchaseToken", subtype="UNREPORTED",
                         inside={"environment": None, "externalPurchaseId": "b2158121"})
    add("an external purchase", sign(token),
        [expected(token, "EXTERNAL_PURCHASE_TOKEN.UNREPORTED", None, "externalPurchaseToken")])
    app_transaction = {"bundleId": bundle, "appAppleId": app, "receiptType": "Production", "receiptCreationDate": at}
    consent = notification("RESCIND_CONSENT", nested=False, box="appData", subtype=None,
                           inside={"signedAppTransactionInfo": sign(app_transaction)})
    add("an app's transaction", sign(consent),
        [expected(consent, "RESCIND_CONSENT", None, "appData", signedAppTransactionInfo=app_transaction)])
    spaced = json.dumps(first, indent=1).encode()
    shown = json.dumps(json.loads(opened(first, signedTransactionInfo=0, signedRenewalInfo=0)), indent=1)
    for name, value in [("transactionInfo", transaction), ("renewalInfo", renewal)]:
        text = json.dumps(value, separators=(",", ":"))
        shown = shown.replace(f',\n  "{name}": 0', f',"{name}":{text}')
    add("an indented payload keeps its bytes", sign(spaced), [expected(first) | {"payload": shown}])
    add("more in the body than the token", None, [expected(first)],
        body=json.dumps({"more": 1, "signedPayload": sign(first)}, indent=2).encode())
    add("the second root matches", sign(first), [expected(first)],
        secrets=[pem(other.certificate), pem(root.certificate)], secret=1)
    add("another root", sign(first), "untrusted_key", secrets=[pem(other.certificate)])
    add("signed with another key", jws(first, chain()[0], good[1]), "signature_mismatch")
    header, _, signature = sign(first).split(".")
    changed = json.dumps(first | {"notificationType": "REFUND"}).encode()
    add("another payload", f"{header}.{b64url(changed)}.{signature}", "signature_mismatch")
    add("the algorithm is none", sign(first, alg="none"), "no_known_signature")
    add("the algorithm is an HMAC", sign(first, alg="HS256"), "no_known_signature")
    add("no certificates", sign(first, x5c=False), "malformed_signature")
    add("two certificates", jws(first, good[0], good[1][:2]), "malformed_signature")
    add("no base64", sign(first, header={"x5c": ["%", "%", "%"]}), "malformed_signature")
    add("two parts", header + "." + signature, "malformed_signature")
    add("a certificate for another purpose", sign(first, chain(own=())), "untrusted_key")
    add("an authority for another purpose", sign(first, chain(above=())), "untrusted_key")
    add("no authority", sign(first, chain(above_ca=False)), "untrusted_key")
    add("a certificate that begins later", sign(first, chain(start=datetime(2025, 11, 1, tzinfo=timezone.utc))),
        "untrusted_key")
    short = chain(days=280)  # until 2025-10-08
    late = first | {"signedDate": at - 3 * DAY * 1000}
    add("a resend of what was signed in time", sign(late, short),
        [expected(late)])
    add("a certificate that has ended", sign(first, short), "untrusted_key")
    add("signed long ago with a certificate that has ended", sign(first | {"signedDate": at - 30 * DAY * 1000},
        chain(days=260)), "untrusted_key", differs="offline, the library trusts any time in the payload")
    add("another app", sign(notification(inside={"bundleId": "com.example.other"})), "other_recipient")
    add("another Apple ID", sign(notification(inside={"appAppleId": 1})), "other_recipient")
    add("another environment", sign(tested), "other_recipient")
    add("no app", sign(notification(nested=False, inside={"bundleId": None})), "other_recipient")
    add("a transaction is no notification", sign(transaction), "other_recipient")
    forged = notification(by=chain(other))
    add("a nested transaction of somebody else", sign(forged), "unreadable:untrusted_key")
    foreign = notification(transaction=transaction | {"bundleId": "com.example.other"})
    add("a nested transaction of another app", sign(foreign), "unreadable:other_recipient")
    test_renewal = notification(renewal=renewal | {"environment": "Sandbox"})
    add("a nested renewal of the sandbox", sign(test_renewal), "unreadable:other_recipient")
    add("signed, but no id", sign(notification(notificationUUID=None)), "unreadable:missing_field")
    add("signed, but no type", sign(notification(notificationType=None)), "unreadable:missing_field")
    add("no token", None, "no_known_signature", body=b"{}")
    add("no JSON", None, "malformed_body", body=b"signedPayload=x")
    add("a bound on the time, kept", sign(first), [expected(first)], tolerance=300)
    add("a bound on the time, broken", sign(late), "timestamp_too_old", tolerance=300, ask=False)
    vectors.save()


def rsa_certificate(name, key, serial=None, days=3650):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number()).not_valid_before(START)
            .not_valid_after(START + timedelta(days=days)).sign(key, hashes.SHA256()))


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def wechat_pay():
    vectors = Vectors("wechat-pay", "wechatpayv3")
    Core._update_certificates = lambda self: None  # it would ask the network
    key, old = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    merchant = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public_id, old_id = "PUB_KEY_ID_0114232134912410000000000000", "PUB_KEY_ID_0114232134912410000000000001"
    number = 0x0A0B12C34D56E7F8091A2B3C4D5E6F708192A3B4
    certificate = pem(rsa_certificate("Tenpay.com sign", key, number))
    api_key, api_old = "0123456789abcdefghijABCDEFGHIJ!$", "another_key_of_32_characters_000"
    at = 1760000000000

    plain = {"transaction_id": "4200001", "mchid": "1230000109", "out_trade_no": "A-17", "trade_state": "SUCCESS",
             "amount": {"total": 100, "currency": "CNY"}, "attach": "\u652f\u4ed8"}

    def body(plain=plain, kind="TRANSACTION.SUCCESS", api_key=api_key, associated="transaction", algorithm=None,
             **changes):
        text = plain if isinstance(plain, bytes) else json.dumps(plain, ensure_ascii=False).encode()
        nonce = "fdasflkja484"
        sealed = AESGCM(api_key.encode()).encrypt(nonce.encode(), text, associated.encode())
        resource = {"original_type": "transaction", "algorithm": algorithm or "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(sealed).decode(), "associated_data": associated, "nonce": nonce}
        whole = {"id": "EV-2018022511223320873", "create_time": "2025-10-09T16:53:20+08:00",
                 "resource_type": "encrypt-resource", "event_type": kind, "summary": "\u652f\u4ed8\u6210\u529f",
                 "resource": resource} | changes
        whole = {name: value for name, value in whole.items() if value is not None}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()

    def opened(body, plain=plain):
        whole = json.loads(body)
        before, after = body.decode().split('"resource":{')
        rest = after[after.index("}") + 1:]
        assert isinstance(whole["resource"], dict)
        return before + '"resource":' + json.dumps(plain, ensure_ascii=False) + rest

    def expected(body, kind="TRANSACTION.SUCCESS", subject="A-17", account="1230000109", plain=plain):
        return event(kind, "EV-2018022511223320873", at, subject, account, payload=opened(body, plain))

    def sign(body, key=key, time=NOW, nonce="593BEC0C930BF1AFEB40B4A08C8FB242", serial=public_id):
        signature = key.sign(f"{time}\n{nonce}\n".encode() + body + b"\n", padding.PKCS1v15(), hashes.SHA256())
        return [["Wechatpay-Signature", base64.b64encode(signature).decode()], ["Wechatpay-Timestamp", str(time)],
                ["Wechatpay-Nonce", nonce], ["Wechatpay-Serial", serial],
                ["Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"]]

    def changed(headers, name, value):
        return [[key, value if key == name else old] for key, old in headers if key != name or value is not None]

    def add(name, headers, body, expect, secrets=None, serial=public_id, api_key=api_key, ask=True, **more):
        secrets = secrets or [public_pem(key)]
        params = {"api_v3_key": api_key} | ({"serial": serial} if serial else {})

        def check():
            with tempfile.TemporaryDirectory() as folder:
                given = {"public_key": secrets[0], "public_key_id": serial}
                if "CERTIFICATE" in secrets[0]:
                    with open(f"{folder}/one.pem", "w") as file:
                        file.write(secrets[0])
                    given = {"cert_dir": folder}
                core = Core("1230000109", "1", merchant, api_key, **given)
                return bool(core.callback(dict(headers), body.decode()))

        vectors.add(name, JSON + headers, body, secrets, expect, check if ask else None, params=params, **more)

    first = body()
    good = sign(first)
    add("plain", good, first, [expected(first)])
    add("a platform certificate", sign(first, serial=f"{number:040X}"), first, [expected(first)],
        secrets=[certificate], serial=None)
    add("a serial number in lower case and without its zero", sign(first, serial=f"{number:x}"), first,
        [expected(first)], secrets=[certificate], serial=None)
    add("a serial number that is set", sign(first, serial=f"{number:040X}"), first, [expected(first)],
        serial=f"{number:x}", ask=False)
    add("the second secret matches", good, first, [expected(first)], secrets=[public_pem(old), public_pem(key)],
        serial=f"{old_id}, {public_id}", secret=1, ask=False)
    bare = body(associated="")
    add("no associated data", sign(bare), bare, [expected(bare)])
    refund = {"sp_mchid": "1900000100", "out_trade_no": "A-17", "out_refund_no": "R-1", "refund_status": "SUCCESS"}
    refunded = body(refund, "REFUND.SUCCESS", associated="refund")
    add("a refund of a service provider", sign(refunded), refunded,
        [expected(refunded, "REFUND.SUCCESS", account="1900000100", plain=refund)])
    add("a change of the merchant's key", good, first, [expected(first)], api_key=f"{api_old}, {api_key}", ask=False)
    untyped = changed(good, "Wechatpay-Signature-Type", None)
    add("no type of signature", untyped, first, [expected(first)], differs="the library wants the header")
    add("another type of signature", changed(good, "Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"), first,
        "no_known_signature")
    add("another key", sign(first, old), first, "signature_mismatch")
    add("another key's name", changed(good, "Wechatpay-Serial", old_id), first, "untrusted_key")
    add("another time", changed(good, "Wechatpay-Timestamp", str(NOW + 1)), first, "signature_mismatch")
    add("another nonce", changed(good, "Wechatpay-Nonce", "x"), first, "signature_mismatch")
    add("body with a byte more", good, first + b" ", "signature_mismatch")
    add("body cut short", good, first[:-1], "signature_mismatch")
    again = json.dumps(json.loads(first), indent=1).encode()
    add("re-serialised body", good, again, "signature_mismatch")
    probe = "WECHATPAY/SIGNTEST/" + good[0][1][19:]
    add("a probe", changed(good, "Wechatpay-Signature", probe), first, "malformed_signature")
    add("no base64", changed(good, "Wechatpay-Signature", "%"), first, "malformed_signature", ask=False)
    for name in ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"]:
        add(f"no {name}", changed(good, name, None), first, "missing_header")
    aged = "the library has no tolerance"
    for name, time, expect in [("300 s old", NOW - 300, [expected(first)]), ("301 s old", NOW - 301, "timestamp_too_old"),
                               ("300 s ahead", NOW + 300, [expected(first)]),
                               ("301 s ahead", NOW + 301, "timestamp_in_future")]:
        add(name, sign(first, time=time), first, expect, differs=None if isinstance(expect, list) else aged)
    add("a tolerance of a day", sign(first, time=NOW - 80_000), first, [expected(first)], tolerance=90_000)
    add("no number as time", sign(first, time="soon"), first, "malformed_timestamp", differs=aged)
    add("a wrong merchant's key", good, first, "unreadable:malformed_body", api_key=api_old)
    strange = body(algorithm="AEAD_SM4_GCM")
    add("another encryption", sign(strange), strange, "unreadable:malformed_body")
    text = body(b"a=b")
    add("a resource that is no JSON", sign(text), text, "unreadable:malformed_body")
    nameless = body(id=None)
    add("signed, but no id", sign(nameless), nameless, "unreadable:missing_field")
    untyped = body(event_type=None)
    add("signed, but no type", sign(untyped), untyped, "unreadable:missing_field")
    add("signed, but no JSON", sign(b"x"), b"x", "unreadable:malformed_body")
    open_body = b'{"id":"EV-1","event_type":"A","create_time":"2025-10-09T16:53:20+08:00"}'
    add("nothing encrypted", sign(open_body), open_body, [event("A", "EV-1", at)], differs="the library wants a resource")
    vectors.save()


def amazon_sns():
    vectors = Vectors("amazon-sns")
    vectors.made_with["sns-validator"] = node_oracle.version("sns-validator")
    key, old = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    certificate, old_certificate = (pem(rsa_certificate("sns.amazonaws.com", one)) for one in (key, old))
    topic, other = (f"arn:aws:sns:us-east-1:{account}:payments" for account in ("123456789012", "999999999999"))
    url = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
    subscribe = f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37"
    id, at = "da41e39f-ea4d-435a-b922-c6aae3915ebe", 1760000000000
    names = {"Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]}
    about = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]

    def message(type="Notification", version="2", key=key, text='{"type":"charge.paid","id":"c1"}', order=None,
                **changes):
        fields = {"Type": type, "MessageId": id, "TopicArn": topic, "Message": text,
                  "Timestamp": "2025-10-09T08:53:20.000Z", "SignatureVersion": version, "SigningCertURL": url}
        if type != "Notification":
            fields |= {"Token": "2336412f37", "SubscribeURL": subscribe}
        else:
            fields |= {"UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe"}
        fields |= changes
        signed = "".join(f"{name}\n{fields[name]}\n" for name in names.get(type, about) if fields.get(name) is not None)
        hash = hashes.SHA1() if version == "1" else hashes.SHA256()
        fields["Signature"] = base64.b64encode(key.sign(signed.encode(), padding.PKCS1v15(), hash)).decode()
        return {name: value for name, value in fields.items() if value is not None}

    def add(name, fields, expect, secrets=(certificate,), topics=topic, body=None, ask=True, **more):
        body = body if body is not None else json.dumps(fields, indent=2, ensure_ascii=False).encode()
        headers = [["Content-Type", "text/plain; charset=UTF-8"]]
        check = (lambda: node_oracle.ask("amazon-sns", body, headers, secrets[0], NOW)) if ask else None
        params = {"topic_arn": topics} if topics else {}
        vectors.add(name, headers, body, list(secrets), expect, check, params=params, **more)

    def expected(kind="charge.paid", id=id, account=topic):
        return event(kind, id, at, None, account)

    first = message()
    add("plain", first, [expected()])
    add("version 1, SHA-1", message(version="1"), [expected()])
    add("with a subject", message(Subject="Paid"), [expected()])
    add("a subject that is null", first | {"Subject": None}, [expected()])
    add("other bytes, the same values", None, [expected()], body=json.dumps(dict(reversed(first.items()))).encode())
    add("attributes are not signed", first | {"MessageAttributes": {"a": {"Type": "String", "Value": "b"}}}, [expected()])
    add("escapes and lines in the message", message(text='{"type":"a\\u0062",\n"x":"é"}'), [expected("ab")])
    add("a message that is no JSON", message(text="Hello\nMessageId\nx"), [expected("Notification")])
    add("the type of another service", message(text='{"NotificationType":"STATE_CHANGE"}'), [expected("STATE_CHANGE")])
    add("a subscription", message("SubscriptionConfirmation", text="You have chosen to subscribe."),
        [expected("SubscriptionConfirmation")])
    add("the end of a subscription", message("UnsubscribeConfirmation", text="You have chosen to deactivate."),
        [expected("UnsubscribeConfirmation")], differs="the library refuses every one of them")
    add("one of two topics", message(TopicArn=other), [expected(account=other)], topics=f"{topic}, {other}")
    add("any topic", message(TopicArn=other), [expected(account=other)], topics=None)
    add("another topic", message(TopicArn=other), "other_recipient", differs="the library knows no topics")
    add("the second certificate matches", first, [expected()], secrets=(old_certificate, certificate), secret=1, ask=False)
    add("a bare public key", first, [expected()], secrets=(public_pem(key),))
    add("another certificate", message(key=old), "signature_mismatch")
    for field, value in [("Message", '{"type":"charge.paid","id":"c2"}'), ("MessageId", "x"), ("Subject", "x"),
                         ("Timestamp", "2025-10-09T08:53:21.000Z"), ("TopicArn", other)]:
        add(f"another {field}", first | {field: value}, "signature_mismatch")
    add("version 2 told to be 1", first | {"SignatureVersion": "1"}, "signature_mismatch")
    add("version 3", first | {"SignatureVersion": "3"}, "no_known_signature")
    add("a notification told to be a subscription", first | {"Type": "SubscriptionConfirmation", "Token": "t",
        "SubscribeURL": subscribe}, "signature_mismatch")
    add("an unknown type", message("Surprise"), "malformed_signature")
    add("an id with a line break", first | {"MessageId": f"{id}\nx"}, "malformed_signature", ask=False)
    for name, other_url in [("http", url.replace("https", "http")), ("another host", "https://evil.example/a.pem"),
                            ("another service", "https://s3.us-east-1.amazonaws.com/a.pem"),
                            ("no certificate", "https://sns.us-east-1.amazonaws.com/a.txt")]:
        add(f"the certificate's URL: {name}", first | {"SigningCertURL": other_url}, "untrusted_key")
    for name in ["Signature", "SignatureVersion", "SigningCertURL", "Message", "MessageId", "Timestamp", "TopicArn", "Type"]:
        add(f"no {name}", {key: value for key, value in first.items() if key != name}, "no_known_signature")
    add("no base64", first | {"Signature": "%"}, "malformed_signature")
    add("raw delivery", None, "no_known_signature", body=b'{"type":"charge.paid"}')
    add("no JSON", None, "malformed_body", body=b"hello")
    add("signed, but an empty id", message(MessageId=""), "unreadable:missing_field")
    add("a bound on the time, kept", first, [expected()], tolerance=300, ask=False)
    late = message(Timestamp="2025-10-09T08:48:19.000Z")
    add("a bound on the time, broken", late, "timestamp_too_old", tolerance=300, ask=False)
    vectors.save()


def google_play():
    vectors = Vectors("google-play", "google-auth")
    key, old = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    audience, email = "https://pay.example.com/webhooks/google-play", "push@project.iam.gserviceaccount.com"
    at = 1760000000123

    def jwk(key, kid, **more):
        numbers = key.public_key().public_numbers()
        number = lambda n: b64url(n.to_bytes((n.bit_length() + 7) // 8, "big"))
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)} | more

    def jwks(*keys):
        return json.dumps({"keys": list(keys)})

    both = jwks(jwk(key, "kid-1"), jwk(old, "kid-0"))

    def token(key=key, alg="RS256", kid="kid-1", raw=None, **changes):
        claims = {"iss": "https://accounts.google.com", "aud": audience, "azp": "113774264463038321964", "email": email,
                  "email_verified": True, "sub": "113774264463038321964", "iat": NOW - 600, "exp": NOW + 3000} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": alg, "kid": kid, "typ": "JWT"}
        header = {name: value for name, value in header.items() if value is not None}
        signed = f"{b64url(json.dumps(header).encode())}.{b64url(raw or json.dumps(claims).encode())}"
        return f"{signed}.{b64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def body(data=None, **changes):
        data = data if data is not None else {
            "version": "1.0", "packageName": "com.example.app", "eventTimeMillis": str(at),
            "subscriptionNotification": {"version": "1.0", "notificationType": 4, "purchaseToken": "PT-1"}}
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        message = {"data": base64.b64encode(text).decode(), "messageId": "136969346945",
                   "publishTime": "2025-10-09T08:53:21.5Z"} | changes
        message = {name: value for name, value in message.items() if value is not None}
        return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()

    class Answer:
        status, headers = 200, {}

        def __init__(self, text):
            self.data = text.encode()

    def add(name, value, expect, body=body(), secrets=(both,), ask=True, asked=None, headers=(), **more):
        given = JSON + ([["Authorization", value]] if value is not None else []) + list(headers)

        def check():
            # The library looks at neither the account nor whether it is verified.
            certs = json.dumps({"kid-1": public_pem(key), "kid-0": public_pem(old)})
            request = lambda url, method="GET", **_: Answer(certs)
            id_token.verify_oauth2_token(value.removeprefix("Bearer "), request, audience)

        vectors.add(name, given, body, list(secrets), expect, check if ask else None,
                    params={"audience": audience, "email": email}, **more)

    def expected(kind="subscriptionNotification.4", id="136969346945", created=at, subject="PT-1", account="com.example.app"):
        return event(kind, id, created, subject, account)

    good = "Bearer " + token()
    add("plain", good, [expected()])
    add("the other key of the set", "Bearer " + token(old, kid="kid-0"), [expected()])
    add("the second secret matches", good, [expected()], secrets=(jwks(jwk(old, "kid-0")), json.dumps(jwk(key, "kid-1"))), secret=1)
    add("a key in PEM", good, [expected()], secrets=(public_pem(key),))
    add("the other way to write the issuer", "Bearer " + token(iss="accounts.google.com"), [expected()])
    add("the scheme in lower case", good.replace("Bearer", "bearer"), [expected()], ask=False)
    add("a body that nobody signed", good, [expected(subject="PT-2")], body=body({
        "packageName": "com.example.app", "eventTimeMillis": str(at),
        "subscriptionNotification": {"notificationType": 4, "purchaseToken": "PT-2"}}))
    once = {"packageName": "com.example.app", "eventTimeMillis": str(at), "oneTimeProductNotification": {
        "notificationType": 1, "purchaseToken": "PT-3", "sku": "gems"}}
    add("a product that is bought once", good, [expected("oneTimeProductNotification.1", subject="PT-3")], body=body(once))
    void = {"packageName": "com.example.app", "eventTimeMillis": str(at), "voidedPurchaseNotification": {
        "purchaseToken": "PT-4", "orderId": "GS.1", "productType": 1}}
    add("a voided purchase", good, [expected("voidedPurchaseNotification", subject="PT-4")], body=body(void))
    test = {"version": "1.0", "packageName": "com.example.app", "eventTimeMillis": str(at), "testNotification": {"version": "1.0"}}
    add("a test notification", good, [expected("testNotification", subject=None)], body=body(test))
    new = {"packageName": "com.example.app", "eventTimeMillis": str(at), "surpriseNotification": {"notificationType": 7}}
    add("a notification that Google brought in last week", good, [expected("surpriseNotification.7", subject=None)], body=body(new))
    add("without the wrapper", good, [expected(id="m-1")],
        headers=[["x-goog-pubsub-message-id", "m-1"]], body=json.dumps({
            "packageName": "com.example.app", "eventTimeMillis": str(at),
            "subscriptionNotification": {"notificationType": 4, "purchaseToken": "PT-1"}}).encode())
    add("no token", None, "missing_header", ask=False)
    add("no bearer", "Basic eDp5", "malformed_signature")
    add("another key under its name", "Bearer " + token(old), "signature_mismatch")
    add("an unknown key", "Bearer " + token(kid="kid-2"), "untrusted_key")
    add("no name of a key", "Bearer " + token(kid=None), [expected()])
    header, _, signature = token().split(".")
    claims = b64url(json.dumps({"iss": "accounts.google.com"}).encode())
    add("other claims", f"Bearer {header}.{claims}.{signature}", "signature_mismatch")
    add("the algorithm is none", "Bearer " + token(alg="none"), "no_known_signature")
    add("the algorithm is an HMAC", "Bearer " + token(alg="HS256"), "no_known_signature")
    add("two parts", "Bearer a.b", "malformed_signature")
    add("another issuer", "Bearer " + token(iss="https://securetoken.google.com/p"), "other_recipient")
    add("another audience", "Bearer " + token(aud="https://evil.example"), "other_recipient")
    add("another account", "Bearer " + token(email="eve@evil.iam.gserviceaccount.com"), "other_recipient",
        differs="the library does not look at the account")
    add("no account", "Bearer " + token(email=None), "other_recipient", differs="the library does not look at the account")
    add("an account that is not verified", "Bearer " + token(email_verified=False), "other_recipient",
        differs="the library does not look at the account")
    skew = "the library wants the clocks to agree to the second"
    for name, changes, expect, differs in [
        ("ended 300 s ago", {"exp": NOW - 300, "iat": NOW - 3900}, [expected()], skew),
        ("ended 301 s ago", {"exp": NOW - 301, "iat": NOW - 3901}, "timestamp_too_old", None),
        ("begins in 300 s", {"iat": NOW + 300, "exp": NOW + 3900}, [expected()], skew),
        ("begins in 301 s", {"iat": NOW + 301, "exp": NOW + 3901}, "timestamp_in_future", None),
        ("a life of more than a day", {"exp": NOW + 86_401}, "timestamp_in_future", "the library has no longest life"),
    ]:
        add(name, "Bearer " + token(**changes), expect, differs=differs)
    add("no end", "Bearer " + token(exp=None), "malformed_signature")
    add("no JSON in the claims", "Bearer " + token(raw=b"x"), "malformed_signature")
    add("no id", good, "unreadable:missing_field", body=body(messageId=None))
    add("nothing happened", good, "unreadable:missing_field", body=body({"packageName": "com.example.app"}))
    add("no JSON in the message", good, "unreadable:malformed_body", body=body(b"x"))
    add("no JSON", good, "unreadable:malformed_body", body=b"x")
    vectors.save()


if __name__ == "__main__":
    for make in [apple, wechat_pay, amazon_sns, google_play]:
        make()
