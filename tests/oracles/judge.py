"""Asks official libraries for Python whether they accept requests.

Reads requests from stdin, one JSON line each: {scheme, headers, body (base64), secret, url,
params}. Prints one JSON line for each request: true, the reason of a refusal, or null if there is
no library. The libraries use the present time, because not all of them accept another.
"""

import base64
import json
import logging
import sys
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl

# One library's own tolerance is 5 s, and a busy machine takes longer to reach its question.
TOLERANCE = 300


# Each function raises or returns false to refuse a request.


def adyen(asked):
    from Adyen.util import is_valid_hmac_notification

    return is_valid_hmac_notification(json.loads(asked.body), asked.secret)


def adyen_platform(asked):
    from Adyen.util import is_valid_hmac_payload

    return is_valid_hmac_payload(asked.headers["hmacsignature"], asked.secret, asked.body)


def braintree(asked):
    import braintree

    gateway = braintree.BraintreeGateway(braintree.Configuration(
        environment=braintree.Environment.Sandbox, merchant_id="m",
        public_key=asked.params["public_key"], private_key=asked.secret))
    fields = dict(parse_qsl(asked.body.decode()))
    gateway.webhook_notification.parse(fields["bt_signature"], fields["bt_payload"])


def coinbase_commerce(asked):
    from coinbase_commerce.webhook import Webhook

    Webhook.construct_event(asked.body.decode(), asked.headers["x-cc-webhook-signature"], asked.secret)


def gocardless(asked):
    from gocardless_pro import webhooks

    webhooks.parse(asked.body, asked.secret, asked.headers["webhook-signature"])


def mollie(asked):
    from mollie.utils.webhooks.signature_validator import SignatureValidator

    return SignatureValidator.validate(asked.body.decode(), asked.secret, [asked.headers["x-mollie-signature"]])


def paddle(asked):
    from paddle_billing.Notifications import Secret, Verifier

    given = {"Paddle-Signature": asked.headers["paddle-signature"]}
    request = SimpleNamespace(headers=given, body=asked.body)
    return Verifier(maximum_variance=TOLERANCE).verify(request, Secret(asked.secret))


def razorpay(asked):
    import razorpay

    client = razorpay.Client(auth=("key", "secret"))
    signature = asked.headers["x-razorpay-signature"]
    return client.utility.verify_webhook_signature(asked.body.decode(), signature, asked.secret)


def square(asked):
    from square.utils.webhooks_helper import verify_signature

    return verify_signature(request_body=asked.body.decode(), notification_url=asked.url,
                            signature_key=asked.secret,
                            signature_header=asked.headers["x-square-hmacsha256-signature"])


def standard_webhooks(asked):
    from standardwebhooks.webhooks import Webhook

    Webhook(asked.secret).verify(asked.body, asked.headers)


def stripe(asked):
    import stripe

    stripe.WebhookSignature.verify_header(
        asked.body.decode(), asked.headers["stripe-signature"], asked.secret, TOLERANCE)


def svix(asked):
    from svix.webhooks import Webhook

    Webhook(asked.secret).verify(asked.body, asked.headers)


class Fields(dict):
    """Returns a form with all values of each name, as web frameworks return it."""

    def getlist(self, name):
        return self[name]


def twilio(asked):
    from twilio.request_validator import RequestValidator

    body = asked.body.decode()
    if "form" in asked.headers["content-type"]:
        body = Fields(parse_qs(body, keep_blank_values=True))
    return RequestValidator(asked.secret).validate(asked.url, body, asked.headers["x-twilio-signature"])


LIBRARIES = {library.__name__.replace("_", "-"): library for library in [
    adyen, adyen_platform, braintree, coinbase_commerce, gocardless, mollie, paddle, razorpay, square,
    standard_webhooks, stripe, svix, twilio,
]}


def judge(question):
    library = LIBRARIES.get(question["scheme"])
    if library is None:
        return None
    asked = SimpleNamespace(**question)
    asked.body = base64.b64decode(question["body"])
    asked.headers = {name.lower(): value for name, value in question["headers"]}
    try:
        return True if library(asked) is not False else "it returned false"
    except Exception as error:  # whatever a library raises is a refusal
        return f"{type(error).__name__}: {error}"


def main():
    logging.disable()
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)


main()
