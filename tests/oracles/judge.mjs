// Asks official libraries for Node whether they accept requests.
//
// Reads requests from stdin, one JSON line each: {scheme, headers, body (base64), secret, url,
// params, now}. Prints one JSON line for each request: true, the reason of a refusal, or null if
// there is no library. `node --input-type=module --eval` runs it, so Node finds the packages from
// the working folder.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.cwd() + "/");
const RealDate = Date;
let now = RealDate.now();
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length ? parts : [now]));
  }
  static now() {
    return now;
  }
};

// Each function throws or returns false to refuse a request.
const libraries = {
  adyen({ body, secret }) {
    const { hmacValidator } = require("@adyen/api-library");
    return JSON.parse(body).notificationItems.every(({ NotificationRequestItem: item }) =>
      new hmacValidator().validateHMAC(item, secret));
  },
  "adyen-platform"({ body, headers, secret }) {
    const { hmacValidator } = require("@adyen/api-library");
    return new hmacValidator().validateHMACSignature(secret, headers["hmacsignature"], body);
  },
  alipay({ body, secret }) {
    const { AlipaySdk } = require("alipay-sdk");
    const { privateKey } = require("node:crypto").generateKeyPairSync("rsa", {
      modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const sdk = new AlipaySdk({ appId: "2021000", privateKey, alipayPublicKey: secret });
    return sdk.checkNotifySignV2(Object.fromEntries(new URLSearchParams(body)));
  },
  async "amazon-sns"({ body, secret }) {
    // The library asks for the certificate over the network.
    const { EventEmitter } = require("node:events");
    require("node:https").get = (url, answered) => {
      const answer = Object.assign(new EventEmitter(), { statusCode: 200 });
      answered(answer);
      answer.emit("data", secret);
      answer.emit("end");
      return new EventEmitter();
    };
    const Validator = require("sns-validator");
    await new Promise((resolve, reject) =>
      new Validator().validate(body, (error) => (error ? reject(error) : resolve())));
  },
  async braintree({ body, params, secret }) {
    const braintree = require("braintree");
    const gateway = new braintree.BraintreeGateway({
      environment: braintree.Environment.Sandbox, merchantId: "m",
      publicKey: params.public_key, privateKey: secret,
    });
    const form = new URLSearchParams(body);
    await gateway.webhookNotification.parse(form.get("bt_signature"), form.get("bt_payload"));
  },
  "coinbase-commerce"({ body, headers, secret }) {
    const { Webhook } = require("coinbase-commerce-node");
    Webhook.verifyEventBody(body, headers["x-cc-webhook-signature"], secret);
  },
  async github({ body, headers, secret }) {
    const { verify } = await import("@octokit/webhooks-methods");
    return verify(secret, body, headers["x-hub-signature-256"]);
  },
  gocardless({ body, headers, secret }) {
    require("gocardless-nodejs/webhooks").parse(body, secret, headers["webhook-signature"]);
  },
  "midtrans-snap"({ body, headers, secret }) {
    const { SnapBi, SnapBiConfig } = require("midtrans-client");
    SnapBiConfig.snapBiPublicKey = secret;
    return SnapBi.notification()
      .withNotificationPayload(JSON.parse(body))
      .withSignature(headers["x-signature"])
      .withTimeStamp(headers["x-timestamp"])
      .withNotificationUrlPath("/webhooks")
      .isWebhookNotificationVerified();
  },
  async paddle({ body, headers, secret }) {
    const { Paddle } = await import("@paddle/paddle-node-sdk");
    return new Paddle("key").webhooks.isSignatureValid(body, secret, headers["paddle-signature"]);
  },
  razorpay({ body, headers, secret }) {
    return require("razorpay").validateWebhookSignature(body, headers["x-razorpay-signature"], secret);
  },
  async shopify({ body, headers, secret }) {
    require("@shopify/shopify-api/adapters/node");
    const { shopifyApi } = require("@shopify/shopify-api");
    const shopify = shopifyApi({
      apiKey: "key", apiSecretKey: secret, apiVersion: "2025-07",
      hostName: "shop.example.com", isEmbeddedApp: false, logger: { level: 0 },
    });
    const rawRequest = { method: "POST", url: "/", headers };
    const rawResponse = { setHeader() {}, write() {}, end() {}, getHeaders: () => ({}) };
    return (await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse })).valid;
  },
  square({ body, headers, secret, url }) {
    return require("square").WebhooksHelper.verifySignature({
      requestBody: body, signatureHeader: headers["x-square-hmacsha256-signature"],
      signatureKey: secret, notificationUrl: url,
    });
  },
  "standard-webhooks"({ body, headers, secret }) {
    const { Webhook } = require("standardwebhooks");
    new Webhook(secret).verify(body, headers);
  },
  stripe({ body, headers, secret }) {
    const Stripe = require("stripe");
    const { signature } = new Stripe("key").webhooks; // constructEvent accepts no thin events
    return signature.verifyHeader(body, headers["stripe-signature"], secret, 300);
  },
  svix({ body, headers, secret }) {
    const { Webhook } = require("svix");
    new Webhook(secret).verify(body, headers);
  },
  twilio({ body, headers, secret, url }) {
    const twilio = require("twilio");
    const signature = headers["x-twilio-signature"];
    if (!headers["content-type"].includes("form")) {
      return twilio.validateRequestWithBody(secret, signature, url, body);
    }
    const fields = {};
    for (const [name, value] of new URLSearchParams(body)) {
      fields[name] = name in fields ? [fields[name], value].flat() : value;
    }
    return twilio.validateRequest(secret, signature, url, fields);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  now = asked.now * 1000;
  asked.body = Buffer.from(asked.body, "base64").toString("utf8");
  asked.headers = Object.fromEntries(asked.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const library = libraries[asked.scheme];
  let verdict = null;
  try {
    if (library) verdict = (await library(asked)) === false ? "it returned false" : true;
  } catch (error) {
    verdict = String(error);
  }
  console.log(JSON.stringify(verdict));
}
