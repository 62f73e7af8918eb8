#!/usr/bin/env bash
# alipay-sdk 4.14.0 (npm): checkNotifySign percent-decodes the fields of a notice a second time.
#
# Alipay posts its asynchronous notices as forms. Every web framework decodes a form's values once,
# and Alipay signs the values as decoded once. `checkNotifySign`, the method whose name one looks
# for, decodes the values that it is handed once more. A genuine notice for an order whose subject
# holds a percent sign is refused, or raises an error out of the signature check: the shop answers
# 500 or "fail", Alipay sends the notice again for 25 hours, and the paid order stays open. Tests
# with "Coffee" pass. `checkNotifySignV2` takes the values as they are.
#
# Seen on node 20 with a key pair of one's own, notices signed as Alipay signs them:
#   Coffee        checkNotifySign: true                     checkNotifySignV2: true
#   50% off       checkNotifySign: URIError: URI malformed  checkNotifySignV2: true
#   100%25        checkNotifySign: false                    checkNotifySignV2: true
#   ratio 3%3d1   checkNotifySign: false                    checkNotifySignV2: true
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --ignore-scripts --no-audit --no-fund --silent alipay-sdk@4.14.0
cat > seen.mjs <<'JS'
import { createSign, generateKeyPairSync } from "node:crypto";
import { AlipaySdk } from "alipay-sdk";

const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
});
const sdk = new AlipaySdk({
  appId: "2014",
  privateKey,
  alipayPublicKey: publicKey.toString("base64"),
});

/** The fields of a notice, decoded once, as a web framework hands them over. */
function notice(subject) {
  const fields = { notify_id: "n1", out_trade_no: "A-17", trade_status: "TRADE_SUCCESS", subject };
  const names = Object.keys(fields).sort();
  const text = names.map((name) => `${name}=${fields[name]}`).join("&");
  const sign = createSign("RSA-SHA256").update(text).sign(privateKey, "base64");
  return { ...fields, sign, sign_type: "RSA2" };
}

function judge(method, subject) {
  try {
    return String(sdk[method](notice(subject)));
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

for (const subject of ["Coffee", "50% off", "100%25", "ratio 3%3d1"]) {
  const [first, second] = ["checkNotifySign", "checkNotifySignV2"].map((it) => judge(it, subject));
  console.log(`${subject} | ${first} | ${second}`);
}
JS
node seen.mjs | tee seen
diff seen - <<'SEEN'
Coffee | true | true
50% off | URIError: URI malformed | true
100%25 | false | true
ratio 3%3d1 | false | true
SEEN
