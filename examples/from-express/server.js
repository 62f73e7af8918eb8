// The application: the old route, and the calls by which the gateway reaches the shop.
// `npm install express stripe`, then `node server.js`.

import express from "express";
import Stripe from "stripe";

import { calls } from "./calls.js";
import { act } from "./route.js";
import { Shop } from "./shop.js";

const stripe = new Stripe(process.env.STRIPE_API_KEY ?? "sk_test_none");
const shop = new Shop();
const app = express();

// The route that is to go away.
app.post("/webhooks/stripe", express.raw({ type: "application/json" }), async (request, answer) => {
  let event;
  try {
    const signature = request.headers["stripe-signature"];
    event = stripe.webhooks.constructEvent(request.body, signature, process.env.OLD_SECRET);
  } catch (error) {
    return answer.status(400).send(error.message);
  }
  await act(event, shop);
  answer.json({ received: true });
});

// What comes in its place. Only the gateway knows the token.
app.put("/internal/*path", express.json(), async (request, answer) => {
  if (request.headers.authorization !== `Bearer ${process.env.SHOP_TOKEN}`) {
    return answer.sendStatus(401);
  }
  const known = await calls(request.path, request.body, shop);
  answer.sendStatus(known ? 204 : 404);
});

app.listen(3000, "127.0.0.1");
