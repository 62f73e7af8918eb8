# Varnish in front of Tollgate, tested with 7.1. See docs/front-proxies.md.
# Varnish ends no TLS: Hitch or HAProxy in front of it does, and speaks the PROXY protocol to it.
#
# tollgate.toml: [server] listen = "127.0.0.1:8080", trusted_proxies = ["127.0.0.1"], strict = true

vcl 4.1;

import std;

backend tollgate {
    .host = "127.0.0.1";
    .port = "8080";
    # Longer than body_timeout.
    .first_byte_timeout = 30s;
}

sub vcl_recv {
    if (req.url !~ "^/webhooks/") {
        return (synth(404));
    }
    # The body comes in whole before Tollgate sees a byte. Without this line, Varnish passes a body
    # on and then answers 503 if a trailer follows: the webhook is taken, and sent again.
    # The size is more than body_limit.
    if (!std.cache_req_body(2MB)) {
        return (synth(413));
    }
    # What the sender wrote here must not reach Tollgate.
    unset req.http.Forwarded;
    set req.http.X-Forwarded-For = client.ip;
    if (std.port(server.ip) == 443) {
        set req.http.X-Forwarded-Proto = "https";
    } else {
        set req.http.X-Forwarded-Proto = "http";
    }
    return (pass);
}
