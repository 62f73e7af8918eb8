// Answers for libraries that exist for Node alone: reads one question as JSON from stdin
// ({library, body (base64), headers, secret, now}) and prints true, false or the error.
// Run by node_oracle.py as `node --eval`, so that packages are found from the working folder.
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const question = JSON.parse(await new Response(process.stdin).text());
const body = Buffer.from(question.body, "base64").toString("utf8");

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length ? parts : [question.now * 1000]));
  }
  static now() {
    return question.now * 1000;
  }
};

const libraries = {
  async github() {
    const { verify } = await import("@octokit/webhooks-methods");
    return verify(question.secret, body, question.headers["x-hub-signature-256"]);
  },
  async paddle() {
    const { Paddle } = await import("@paddle/paddle-node-sdk");
    const paddle = new Paddle("key");
    return paddle.webhooks.isSignatureValid(body, question.secret, question.headers["paddle-signature"]);
  },
  async shopify() {
    require("@shopify/shopify-api/adapters/node");
    const { shopifyApi } = require("@shopify/shopify-api");
    const shopify = shopifyApi({
      apiKey: "key", apiSecretKey: question.secret, apiVersion: "2025-07",
      hostName: "shop.example.com", isEmbeddedApp: false, logger: { level: 0 },
    });
    const rawRequest = { method: "POST", url: "/", headers: question.headers };
    const rawResponse = { setHeader() {}, write() {}, end() {}, getHeaders: () => ({}) };
    const answer = await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse });
    return answer.valid;
  },
};

try {
  console.log(JSON.stringify(await libraries[question.library]()));
} catch (error) {
  console.log(JSON.stringify(String(error)));
}
