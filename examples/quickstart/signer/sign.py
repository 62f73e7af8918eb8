"""Signs with Stripe's own SDK: one JSON request a line in, one header a line out.

In: {"payload": "…", "secret": "whsec_…", "timestamp": 1767225600}
"""

import json
import sys

from stripe import WebhookSignature

for line in sys.stdin:
    ask = json.loads(line)
    signed = f"{ask['timestamp']}.{ask['payload']}"
    signature = WebhookSignature._compute_signature(signed, ask["secret"])
    print(f"t={ask['timestamp']},v1={signature}", flush=True)
