"""Standard Webhooks and Svix, with their own libraries as oracles."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

from vectors import NOW, Vectors

KEY, OLD_KEY = bytes(range(24)), bytes(range(24, 48))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD = "whsec_" + base64.b64encode(OLD_KEY).decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"type":"invoice.paid","timestamp":"2025-10-09T08:53:20.5Z","data":{"id":"1f81eb52"}}'
EVENT = {"id": ID, "kind": "invoice.paid", "created": 1760000000500, "subject": None, "account": None}
ED = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = "whpk_" + base64.b64encode(ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def content(body, id, ts):
    return f"{id}.{ts}.".encode() + body


def sign(body=BODY, key=KEY, id=ID, ts=NOW):
    return "v1," + base64.b64encode(hmac.new(key, content(body, id, ts), hashlib.sha256).digest()).decode()


def sign_ed(body=BODY, id=ID, ts=NOW):
    return "v1a," + base64.b64encode(ED.sign(content(body, id, ts))).decode()


def make(scheme, package, library, prefix):
    vectors = Vectors(scheme, package)

    def add(name, signature, body, expect, secrets=(SECRET,), id=ID, ts=NOW, prefix=prefix, headers=None,
            ask=True, **more):
        if headers is None:
            given = {"id": id, "timestamp": ts, "signature": signature}
            headers = [[f"{prefix}{key}", str(value)] for key, value in given.items() if value is not None]

        def verdict():
            last = None
            for secret in secrets:
                try:
                    library(secret).verify(body, {name.lower(): value for name, value in headers})
                    return True
                except Exception as error:
                    last = error
            raise last

        vectors.add(name, [["Content-Type", "application/json"], *headers], body, list(secrets), expect,
                    verdict if ask else None, **more)

    good = sign()
    add("plain", good, BODY, [EVENT])
    add("a secret without its prefix", good, BODY, [EVENT], (SECRET.removeprefix("whsec_"),))
    add("a secret without padding", sign(key=KEY[:-1]), BODY, [EVENT],
        ("whsec_" + base64.b64encode(KEY[:-1]).decode().rstrip("="),))
    add("the second secret matches", sign(key=OLD_KEY), BODY, [EVENT], (SECRET, OLD), secret=1)
    add("several signatures, the last holds", f"{sign(key=OLD_KEY)} v2,x {good}", BODY, [EVENT])
    add("several signatures, the first holds", f"{good} {sign(key=OLD_KEY)}", BODY, [EVENT])
    add("a double space does not end the list", f"{sign(key=OLD_KEY)}  {good}", BODY, [EVENT],
        differs="the library fails on the empty word")
    add("another version alone", good.replace("v1,", "v2,"), BODY, "no_known_signature")
    add("v1a alone under a shared secret", sign_ed(), BODY, "no_known_signature")
    add("v1a", sign_ed(), BODY, [EVENT], (PUBLIC,), ask=False)
    add("v1 and v1a under a public key", f"{good} {sign_ed()}", BODY, [EVENT], (PUBLIC,), ask=False)
    add("v1a under both kinds of key", sign_ed(), BODY, [EVENT], (SECRET, PUBLIC), ask=False, secret=1)
    add("v1 under both kinds of key", good, BODY, [EVENT], (PUBLIC, SECRET), ask=False, secret=1)
    add("v1a over another body", sign_ed(b"{}"), BODY, "signature_mismatch", (PUBLIC,), ask=False)
    add("v1 bytes under the name v1a", good.replace("v1,", "v1a,"), BODY, "signature_mismatch", (PUBLIC,), ask=False)
    # Anybody could sign if the public key were accepted as an HMAC key.
    confused = sign(key=base64.b64decode(PUBLIC.removeprefix("whpk_")))
    add("v1 signed with the public key", confused, BODY, "no_known_signature", (PUBLIC,), ask=False)
    add("exactly 300 s old", sign(ts=NOW - 300), BODY, [EVENT], ts=NOW - 300)
    add("301 s old", sign(ts=NOW - 301), BODY, "timestamp_too_old", ts=NOW - 301)
    add("exactly 300 s ahead", sign(ts=NOW + 300), BODY, [EVENT], ts=NOW + 300)
    add("301 s ahead", sign(ts=NOW + 301), BODY, "timestamp_in_future", ts=NOW + 301)
    add("another timestamp than the signed one", good, BODY, "signature_mismatch", ts=NOW - 1)
    add("another id than the signed one", good, BODY, "signature_mismatch", id="msg_2")
    add("underscored timestamp", good, BODY, "signature_mismatch", ts="1_760_000_000",
        differs="Python's float() reads underscores")
    add("underscored timestamp, signed as such", sign(ts="1_760_000_000"), BODY, "malformed_timestamp",
        ts="1_760_000_000")
    add("fractional timestamp", sign(ts=f"{NOW}.0"), BODY, "malformed_timestamp", ts=f"{NOW}.0")
    add("wrong secret", sign(key=OLD_KEY), BODY, "signature_mismatch")
    add("body with a byte more", good, BODY + b" ", "signature_mismatch")
    add("re-serialised body", good, BODY.replace(b":", b": "), "signature_mismatch")
    add("no signature", None, BODY, "missing_header")
    add("no id", good, BODY, "missing_header", id=None)
    add("no timestamp", good, BODY, "missing_header", ts=None)
    add("empty id", sign(id=""), BODY, "unreadable:missing_field", id="")
    add("signature without padding", good.rstrip("="), BODY, "malformed_signature")
    add("a bare signature", good.removeprefix("v1,"), BODY, "no_known_signature")
    untyped = b'{"data":{}}'
    add("an event without type", sign(untyped), untyped, [EVENT | {"kind": "message", "created": None}])
    if scheme == "svix":
        other = [["webhook-id", ID], ["webhook-timestamp", str(NOW)], ["webhook-signature", good]]
        own = [["svix-id", ID], ["svix-timestamp", str(NOW)], ["svix-signature", good]]
        bad = [["svix-id", ID], ["svix-timestamp", str(NOW)], ["svix-signature", sign(key=OLD_KEY)]]
        wrong = other[:2] + [["webhook-signature", sign(key=OLD_KEY)]]
        add("the unbranded names", None, BODY, [EVENT], headers=other)
        add("both names, svix wins", None, BODY, [EVENT], headers=wrong + own)
        add("both names, svix wins though it is wrong", None, BODY, "signature_mismatch", headers=other + bad)
    vectors.save()


make("standard-webhooks", "standardwebhooks", StandardWebhook, "webhook-")
make("svix", "svix", SvixWebhook, "svix-")
