"""Wise: RSA signatures, made by pyca/cryptography with our own key."""

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from vectors import Vectors

BODY = (b'{"data":{"resource":{"type":"transfer","id":111,"profile_id":222,"account_id":333},'
        b'"current_state":"processing","occurred_at":"2025-10-09T08:53:20Z"},"subscription_id":"s",'
        b'"event_type":"transfers#state-change","schema_version":"2.0.0","sent_at":"2025-10-09T08:53:21Z"}')
EVENT = {"id": "d1", "kind": "transfers#state-change", "created": 1760000000000, "subject": "111", "account": "222"}


def pem(key, form=serialization.PublicFormat.SubjectPublicKeyInfo):
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def main():
    vectors = Vectors("wise", "cryptography")
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))

    def sign(body=BODY, key=key, pad=padding.PKCS1v15(), hash=hashes.SHA256()):
        return base64.b64encode(key.sign(body, pad, hash)).decode()

    def add(name, signature, body, expect, keys=(pem(key),), **more):
        headers = [["Content-Type", "application/json"], ["X-Delivery-Id", "d1"]]
        if signature is not None:
            headers.append(["X-Signature-SHA256", signature])

        def ask():
            last = None
            for each in keys:
                public = serialization.load_pem_public_key(each.encode())
                try:
                    public.verify(base64.b64decode(signature, validate=True), body, padding.PKCS1v15(), hashes.SHA256())
                    return True
                except Exception as error:
                    last = error
            raise last

        vectors.add(name, headers, body, list(keys), expect, ask, **more)

    add("plain", sign(), BODY, [EVENT])
    add("a PKCS #1 key", sign(), BODY, [EVENT], (pem(key, serialization.PublicFormat.PKCS1),))
    add("the second key matches", sign(key=other), BODY, [EVENT], (pem(key), pem(other)), secret=1)
    add("wrong key", sign(key=other), BODY, "signature_mismatch")
    add("body with a byte more", sign(), BODY + b" ", "signature_mismatch")
    add("PSS is another padding", sign(pad=padding.PSS(padding.MGF1(hashes.SHA256()), 32)), BODY,
        "signature_mismatch")
    add("SHA-1 is another hash", sign(hash=hashes.SHA1()), BODY, "signature_mismatch")
    add("truncated signature", sign()[:-4], BODY, "signature_mismatch")
    add("empty signature", "", BODY, "signature_mismatch")
    add("no base64", "%%%", BODY, "malformed_signature")
    add("no signature header", None, BODY, "missing_header")
    vectors.save()


main()
