"""Signs with Stripe's own SDK. Reads one JSON request a line, prints one header a line.

Input: {"payload": "…", "secret": "whsec_…", "timestamp": 1767225600}
"""

import json
import sys

from stripe import WebhookSignature

for line in sys.stdin:
    ask = json.loads(line)
    signed = f"{ask['timestamp']}.{ask['payload']}"
    signature = WebhookSignature._compute_signature(signed, ask["secret"])
    print(f"t={ask['timestamp']},v1={signature}", flush=True)
