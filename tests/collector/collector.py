"""A collector of traces and logs, for tests: decodes OTLP with the official package.

    collector.py [ok|hang|nonsense|refuse]

Writes the ports as the first line, `{"http": …, "grpc": …}`, and then a line of JSON for each
export: the signal, the protocol, the headers, the resource, and the spans or log records. `hang`
never answers, `nonsense` answers no OTLP, and `refuse` answers that the sender may not export.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

MODE = sys.argv[1] if len(sys.argv) > 1 else "ok"
OUT = threading.Lock()


def write(value):
    with OUT:
        print(json.dumps(value), flush=True)


def value_of(value):
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in ("string_value", "bool_value", "int_value") else str(value)


def attributes(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


def span(of, resource, scope):
    return {
        "name": of.name,
        "kind": of.kind,
        "trace": of.trace_id.hex(),
        "span": of.span_id.hex(),
        "parent": of.parent_span_id.hex(),
        "state": of.trace_state,
        "start": of.start_time_unix_nano,
        "end": of.end_time_unix_nano,
        "failed": of.status.code == 2,
        "attributes": attributes(of.attributes),
        "scope": scope,
    }


def record(of, resource, scope):
    return {
        "body": value_of(of.body),
        "severity": of.severity_text,
        "trace": of.trace_id.hex(),
        "span": of.span_id.hex(),
        "attributes": attributes(of.attributes),
        "scope": scope,
    }


def told(signal, protocol, headers, request):
    groups = request.resource_spans if signal == "traces" else request.resource_logs
    for group in groups:
        resource = attributes(group.resource.attributes)
        scopes = group.scope_spans if signal == "traces" else group.scope_logs
        items = []
        for scope in scopes:
            of = scope.spans if signal == "traces" else scope.log_records
            make = span if signal == "traces" else record
            items.extend(make(item, resource, scope.scope.name) for item in of)
        write({"signal": signal, "protocol": protocol, "headers": headers,
               "resource": resource, "items": items})


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if MODE == "hang":
            time.sleep(3600)
        if MODE == "refuse":
            return self.answer(403, b"no")
        signal = self.path.rsplit("/", 1)[-1]
        module, name = {
            "traces": (trace_service_pb2, "ExportTraceServiceRequest"),
            "logs": (logs_service_pb2, "ExportLogsServiceRequest"),
        }[signal]
        request = getattr(module, name)()
        request.ParseFromString(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        told(signal, "http", headers, request)
        self.answer(200, b"\xff\xfenonsense" if MODE == "nonsense" else b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def export(signal, answer):
    def answered(self, request, context):
        if MODE == "hang":
            time.sleep(3600)
        if MODE == "refuse":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        told(signal, "grpc", headers, request)
        return answer()

    return answered


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    Export = export("traces", trace_service_pb2.ExportTraceServiceResponse)


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    Export = export("logs", logs_service_pb2.ExportLogsServiceResponse)


def main():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    write({"http": http.server_address[1], "grpc": port})
    # The test ends the collector by its input.
    sys.stdin.read()
    # Threads that hang must not delay the end.
    os._exit(0)


main()
