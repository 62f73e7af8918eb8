#!/usr/bin/env bash
# Caddy 2.6.2 (Debian 12, caddy 2.6.2-5), a webhook posted to a path that its Caddyfile does not name.
#
# A Caddyfile that forwards `handle /webhooks/*` answers every other path with 200 and an empty body:
# there is no 404 by default. To a provider of webhooks 200 means that the event was taken. So an
# endpoint that is registered as /webhook/stripe (one letter less), or a new provider whose `handle`
# is still missing, shows only successes at the provider, which never sends these events again. The
# same site in nginx 1.22.1 answers 404, and the provider resends for days.
#
# Two further shapes do the same: a matcher by method that leaves POST out, and a matcher by header
# that a provider does not send. `caddy adapt` and `caddy validate` warn of nothing.
#
# Seen:
#   caddy  POST /webhooks/stripe   201 taken
#   caddy  POST /webhook/stripe    200 ''
#   caddy  POST /webhooks-eu/x     200 ''
#   caddy  PUT  /notify            200 ''
#   nginx  POST /webhooks/stripe   201 taken
#   nginx  POST /webhook/stripe    404
#   caddy validate                 no warning
#
# A last `handle { respond 404 }` in every site mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download caddy=2.6.2-5 nginx >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" root; done

cat >play.py <<'PYTHON'
import http.client, pathlib, socket, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Application(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(201)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"taken")

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(port, method, path):
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, path, body=b"{}")
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("the server does not start")


application = HTTPServer(("127.0.0.1", 0), Application)
threading.Thread(target=application.serve_forever, daemon=True).start()
behind = application.server_port
caddy, nginx = free_port(), free_port()
pathlib.Path("Caddyfile").write_text(f"""{{
    admin off
    auto_https off
}}
http://127.0.0.1:{caddy} {{
    handle /webhooks/* {{
        reverse_proxy 127.0.0.1:{behind}
    }}
    @notify {{
        method POST
        path /notify
    }}
    handle @notify {{
        reverse_proxy 127.0.0.1:{behind}
    }}
}}
""")
pathlib.Path("nginx.conf").write_text(f"""daemon off; user root; pid nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{nginx};
        root empty;
        location /webhooks/ {{ proxy_pass http://127.0.0.1:{behind}; }}
    }}
}}
""")
pathlib.Path("empty").mkdir()
program = "root/usr/bin/caddy"
said = subprocess.run([program, "validate", "--config", "Caddyfile", "--adapter", "caddyfile"],
                      capture_output=True, text=True, check=True)
warnings = [line for line in said.stderr.splitlines()
            if '"level":"warn"' in line and "automatic HTTPS" not in line and "formatted" not in line]
servers = [
    subprocess.Popen([program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
                     stderr=subprocess.DEVNULL),
    subprocess.Popen(["root/usr/sbin/nginx", "-p", ".", "-c", "nginx.conf"],
                     stderr=subprocess.DEVNULL),
]
wanted = [
    ("caddy", caddy, "POST", "/webhooks/stripe", 201),
    ("caddy", caddy, "POST", "/webhook/stripe", 200),
    ("caddy", caddy, "POST", "/webhooks-eu/x", 200),
    ("caddy", caddy, "PUT", "/notify", 200),
    ("nginx", nginx, "POST", "/webhooks/stripe", 201),
    ("nginx", nginx, "POST", "/webhook/stripe", 404),
]
as_seen = not warnings
try:
    for name, port, method, path, status in wanted:
        got, body = ask(port, method, path)
        print(f"{name}  {method:4} {path:18} {got} {body.decode() if got != 404 else str()}")
        as_seen &= got == status and (got != 200 or body == b"")
    print("caddy validate:", "no warning" if not warnings else warnings)
finally:
    for server in servers:
        server.kill()
sys.exit(0 if as_seen else "this has changed")
PYTHON
HOME=$folder XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder python3 play.py
