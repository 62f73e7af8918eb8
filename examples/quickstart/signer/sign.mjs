// Signs with Stripe's own SDK. Reads one JSON request a line, prints one header a line.
// Input: {"payload": "…", "secret": "whsec_…", "timestamp": 1767225600}
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

// The SDK is below target/, not beside this file.
const require = createRequire(resolve(process.argv[2]) + "/");
const Stripe = require("stripe");
const { webhooks } = new Stripe("sk_test_unused");

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(webhooks.generateTestHeaderString(JSON.parse(line)) + "\n");
}
