// The usual webhook receiver: raw body, constructEvent, a switch, 200. It keeps nothing.
// Usage: node server.js NODE_MODULES_PARENT SECRET. Prints the port that it listens on.
const { createRequire } = require("node:module");
const { resolve } = require("node:path");

const load = createRequire(resolve(process.argv[2]) + "/");
const express = load("express");
const Stripe = load("stripe");

const secret = process.argv[3];
const { webhooks } = new Stripe("sk_test_unused");
const seen = { paid: 0, failed: 0, other: 0 };

const app = express();
app.post("/webhooks/stripe", express.raw({ type: "application/json" }), (request, response) => {
  let event;
  try {
    event = webhooks.constructEvent(request.body, request.headers["stripe-signature"], secret);
  } catch (error) {
    return response.status(400).send(`Webhook Error: ${error.message}`);
  }
  switch (event.type) {
    case "payment_intent.succeeded":
      seen.paid += 1;
      break;
    case "invoice.payment_failed":
      seen.failed += 1;
      break;
    default:
      seen.other += 1;
  }
  response.json({ received: true });
});

const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${server.address().port}\n`);
});
