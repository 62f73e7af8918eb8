#!/usr/bin/env bash
# varnish 7.1.1-2+deb12u1 (Debian 12) before Python 3.11's http.server: a POST that was handled is
# answered with 503.
#
# A sender may send fields behind the last chunk of a body (a trailer section, RFC 9112, 7.1.2), such
# as a digest of what it streamed. Varnish as a plain proxy passes the request on as it arrives. The
# application gets the whole body and its last chunk, and acts on it. Varnish takes the trailer for a
# mistake, drops the connection to the application and answers the sender with "503 Backend fetch
# failed". A sender that tries again after a 503, as senders of webhooks do, has
# its event handled once for each try; the same request without the trailer is answered with 200. So
# what stands behind Varnish must recognise repeated events by their id: a 5xx says nothing about
# whether the application saw the request.
#
# Seen:
#   content-length             handled: paid   answered: HTTP/1.1 200 OK
#   chunked                    handled: paid   answered: HTTP/1.1 200 OK
#   chunked, with a trailer    handled: paid   answered: HTTP/1.1 503 Backend fetch failed
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq varnish=7.1.1-2+deb12u1 libvarnishapi3=7.1.1-2+deb12u1 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" varnish; done
# Varnish compiles its configuration with the C compiler of the machine.
libraries=$(dirname "$(find "$folder/varnish" -name 'libvarnishapi.so.*' | head -n 1)")
export LD_LIBRARY_PATH=$libraries:$libraries/varnish
cat > seen.py <<'PYTHON'
import os, socket, subprocess, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    handled = []

    def do_POST(self):
        self.handled.append(self.body().decode())
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def body(self):
        if "transfer-encoding" not in self.headers:
            return self.rfile.read(int(self.headers["content-length"]))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def log_message(self, *_):
        pass


class Server(HTTPServer):
    def handle_error(self, *_):
        pass  # Varnish has gone before it got the answer.


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


application = Server(("127.0.0.1", 0), Application)
threading.Thread(target=application.serve_forever, daemon=True).start()
port = free_port()
varnish = subprocess.Popen(
    ["varnish/usr/sbin/varnishd", "-F", "-j", "none", "-n", os.getcwd() + "/work",
     "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{application.server_port}"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def connected():
    for _ in range(400):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except OSError:
            time.sleep(0.05)
    raise SystemExit("varnishd does not listen")


def post(rest):
    Application.handled.clear()
    with connected() as stream:
        stream.sendall(b"POST /hook HTTP/1.1\r\nhost: shop.example\r\n" + rest)
        answer = stream.makefile("rb").readline().decode().strip()
    time.sleep(1)
    return ", ".join(Application.handled), answer


CHUNKED = b"transfer-encoding: chunked\r\n"
POSTS = [
    ("content-length", b"content-length: 4\r\n\r\npaid", "200 OK"),
    ("chunked", CHUNKED + b"\r\n4\r\npaid\r\n0\r\n\r\n", "200 OK"),
    ("chunked, with a trailer",
     CHUNKED + b"trailer: digest\r\n\r\n4\r\npaid\r\n0\r\ndigest: x\r\n\r\n",
     "503 Backend fetch failed"),
]
try:
    for name, rest, expected in POSTS:
        handled, answer = post(rest)
        print(f"{name:25}  handled: {handled}   answered: {answer}")
        assert (handled, answer) == ("paid", "HTTP/1.1 " + expected), "this has changed"
finally:
    varnish.terminate()
    varnish.wait()
PYTHON
python3 seen.py
