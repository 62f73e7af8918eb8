"""Tokens for described schemes (`jws` of `[schemes.NAME]`), made by PyJWT: `jws.json` beside this
file. Each vector has the description, a secret, a request, and the expected event or rejection."""

import hashlib
import json
import pathlib

import jwt
from certified_vectors import NOW, Authority, b64url, base64, der, pem, public_pem
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from importlib.metadata import version
from jwt.api_jws import PyJWS

VECTORS = []
FIELDS = 'kind = "/type"\nid = "/id"\n'
BODY = json.dumps({"id": "e1", "type": "paid", "amount": 10.00}).encode()
CLAIMS = {"id": "e1", "type": "paid", "iat": NOW}


def add(name, form, secret, expect, token=None, body=BODY, header="x-jws"):
    headers = [[header, token]] if token is not None else []
    VECTORS.append({"name": name, "scheme": f"jws = {{ {form} }}\n{FIELDS}", "secret": secret, "now": NOW,
                    "headers": headers, "body": body.decode(), "expect": expect})


def jwk(key, algorithm, kid):
    public = getattr(jwt.algorithms, algorithm).to_jwk(key.public_key())
    return json.dumps(json.loads(public) | {"kid": kid})


def in_header(algorithm, rest=""):
    return f'header = "x-jws", algorithm = "{algorithm}"{rest}'


def run():
    rsa_key, other = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    keys = {"ES256": ec.generate_private_key(ec.SECP256R1()), "ES384": ec.generate_private_key(ec.SECP384R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(), "RS256": rsa_key, "RS384": rsa_key, "RS512": rsa_key,
            "PS256": rsa_key}
    for algorithm, key in keys.items():
        add(f"a token in a header, {algorithm}", in_header(algorithm), public_pem(key), "e1",
            jwt.encode(CLAIMS, key, algorithm))
        add(f"detached, {algorithm}", in_header(algorithm, ", detached = true"), public_pem(key), "e1",
            PyJWS().encode(BODY, key, algorithm, is_payload_detached=True, headers={"b64": False, "crit": ["b64"]}))
        add(f"another key, {algorithm}", in_header(algorithm), public_pem(key), "signature_mismatch",
            jwt.encode(CLAIMS, other if isinstance(key, rsa.RSAPrivateKey) else type_of(key), algorithm))
    for algorithm, key, kind in [("ES256", keys["ES256"], "ECAlgorithm"), ("EdDSA", keys["EdDSA"], "OKPAlgorithm"),
                                 ("ES384", keys["ES384"], "ECAlgorithm"), ("PS256", rsa_key, "RSAAlgorithm")]:
        token = jwt.encode(CLAIMS, key, algorithm, headers={"kid": "k1"})
        add(f"a JWK, {algorithm}", in_header(algorithm), jwk(key, kind, "k1"), "e1", token)
        add(f"a JWK of another name, {algorithm}", in_header(algorithm), jwk(key, kind, "k2"), "signature_mismatch", token)
    text = public_pem(rsa_key)
    good = jwt.encode(CLAIMS, rsa_key, "RS256")
    add("after the word Bearer", in_header("RS256"), text, "e1", "Bearer " + good)
    add("no token", in_header("RS256"), text, "missing_header")
    add("the algorithm is none", in_header("RS256"), text, "no_known_signature", jwt.encode(CLAIMS, None, "none"))
    header = b64url(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{header}.{good.split('.')[1]}"
    import hmac
    mac = b64url(hmac.new(text.encode(), signed.encode(), hashlib.sha256).digest())
    add("an HMAC under the public key", in_header("RS256"), text, "no_known_signature", f"{signed}.{mac}")
    add("another algorithm under the same key", in_header("RS256"), text, "no_known_signature",
        jwt.encode(CLAIMS, rsa_key, "PS256"))
    add("an extension that must be understood", in_header("RS256"), text, "malformed_signature",
        jwt.encode(CLAIMS, rsa_key, "RS256", headers={"crit": ["exp"], "exp": 1}))
    detached = in_header("RS256", ", detached = true")
    encoded = PyJWS().encode(BODY, rsa_key, "RS256")
    head, _, signature = encoded.split(".")
    add("detached, signed as base64url", detached, text, "e1", f"{head}..{signature}")
    add("detached, another body", detached, text, "signature_mismatch", f"{head}..{signature}", BODY + b" ")
    add("detached, with a payload", detached, text, "malformed_signature", encoded)
    add("attached, without its payload", in_header("RS256"), text, "signature_mismatch", f"{head}..{signature}")
    hashed = in_header("RS256", ', body_hash = "/hash"')
    digest = hashlib.sha256(BODY).digest()
    for name, value in [("hexadecimal", digest.hex()), ("base64url", b64url(digest)), ("base64", base64.b64encode(digest).decode())]:
        add(f"the hash of the body, {name}", hashed, text, "e1", jwt.encode({"hash": value}, rsa_key, "RS256"))
    add("the hash of another body", hashed, text, "signature_mismatch", jwt.encode({"hash": digest.hex()}, rsa_key, "RS256"),
        BODY + b" ")
    add("no hash of the body", hashed, text, "signature_mismatch", good)
    timed = in_header("RS256", ', time = "/iat"')
    for name, iat, expect in [("300 s old", NOW - 300, "e1"), ("301 s old", NOW - 301, "timestamp_too_old"),
                              ("301 s ahead", NOW + 301, "timestamp_in_future"), ("no time", None, "malformed_timestamp")]:
        claims = {key: value for key, value in (CLAIMS | {"iat": iat}).items() if value is not None}
        add(name, timed, text, expect, jwt.encode(claims, rsa_key, "RS256"))
    in_body = 'at = "/data/signed", algorithm = "RS256"'
    add("a token in the body", in_body, text, "e1", body=json.dumps({"data": {"signed": good}}).encode())
    add("no token in the body", in_body, text, "no_known_signature", body=b'{"data":{"signed":7}}')
    add("the body is the token", 'at = "body", algorithm = "RS256"', text, "e1", body=good.encode() + b"\n")
    root, stranger = Authority("Root"), Authority("Root")
    between = Authority("Between", root)
    leaf = Authority("Leaf", between, ca=False)
    chained = in_header("ES256", ", x5c = true")

    def chain(*certificates, key=leaf.key):
        x5c = [base64.b64encode(der(one)).decode() for one in certificates]
        return jwt.encode(CLAIMS, key, "ES256", headers={"x5c": x5c})

    whole = chain(leaf.certificate, between.certificate, root.certificate)
    add("a chain to the root", chained, pem(root.certificate), "e1", whole)
    add("a chain without the root", chained, pem(root.certificate), "e1", chain(leaf.certificate, between.certificate))
    add("a chain to another root", chained, pem(stranger.certificate), "untrusted_key", whole)
    add("a chain with a gap", chained, pem(root.certificate), "untrusted_key", chain(leaf.certificate, root.certificate))
    add("a chain of another key", chained, pem(root.certificate), "signature_mismatch",
        chain(leaf.certificate, between.certificate, key=stranger.key))
    add("no chain", chained, pem(root.certificate), "malformed_signature", jwt.encode(CLAIMS, leaf.key, "ES256"))
    ended = Authority("Leaf", between, ca=False, days=100)
    add("a certificate that has ended", chained, pem(root.certificate), "untrusted_key",
        chain(ended.certificate, between.certificate, key=ended.key))
    path = pathlib.Path(__file__).parent / "jws.json"
    whole = {"made_with": {"PyJWT": version("PyJWT")}, "vectors": VECTORS}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    print(f"{path.name}: {len(VECTORS)} vectors")


def type_of(key):
    """Returns another key of the same kind."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(key.curve)


if __name__ == "__main__":
    run()
