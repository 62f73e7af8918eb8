#!/usr/bin/env bash
# midtrans-client 1.4.3 (npm), Midtrans' official library for Node, on node 20.
#
# Notices of Midtrans' SNAP API are signed over the hash of their JSON without white space. The
# library has no way to take the bytes that came: `withNotificationPayload(payload)` wants the parsed
# object, and `isWebhookNotificationVerified` hashes what `JSON.stringify` makes of it. So a true
# notice is refused as soon as its JSON is written in another way than JavaScript writes it: a number
# such as 10000.00 (JavaScript writes 10000), a slash with an escape (`\/`, as PHP's json_encode
# writes every URL), a letter as `\u00e9`, or an integer beyond 2^53. The same values written as
# JavaScript would are taken.
#
# Seen:
#   as JavaScript writes it            true
#   a number with zeros: 10000.00      false
#   an escaped slash: https:\/\/       false
#   an escaped letter: caf\u00e9       false
#   an integer beyond 2^53             false
#
# Who verifies such notices takes the bytes of the body, removes the white space outside texts, and
# hashes that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts midtrans-client@1.4.3

cat > try.js <<'JS'
const { createHash, createSign, generateKeyPairSync } = require("node:crypto");
const { SnapBi, SnapBiConfig } = require("midtrans-client");

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
SnapBiConfig.snapBiPublicKey = publicKey.export({ type: "spki", format: "pem" });

const [path, time] = ["/notify", "2026-11-30T12:00:00+07:00"];
const notices = [
  ["as JavaScript writes it", '{"amount":10000,"site":"https://shop.example"}', true],
  ["a number with zeros: 10000.00", '{"amount":10000.00}', false],
  ["an escaped slash: https:\\/\\/", '{"site":"https:\\/\\/shop.example"}', false],
  ["an escaped letter: caf\\u00e9", '{"name":"caf\\u00e9"}', false],
  ["an integer beyond 2^53", '{"reference":90071992547409931}', false],
];
let changed = false;
for (const [what, body, seen] of notices) {
  // The bodies have no white space, so they are what is hashed.
  const hash = createHash("sha256").update(body).digest("hex");
  const signature = createSign("SHA256")
    .update(`POST:${path}:${hash}:${time}`)
    .sign(privateKey, "base64");
  const verified = SnapBi.notification()
    .withNotificationPayload(JSON.parse(body))
    .withSignature(signature)
    .withTimeStamp(time)
    .withNotificationUrlPath(path)
    .isWebhookNotificationVerified();
  console.log(what.padEnd(34), verified);
  changed ||= verified !== seen;
}
if (changed) {
  console.log("the behaviour has changed");
  process.exit(1);
}
JS
node try.js
