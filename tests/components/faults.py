"""Proxies before real servers that refuse, break and cut what they are told to."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: Asked for each request with its method, path and number (from 1, of its method); answers a fault or None.
#: Faults: ``429`` or another status (with ``Retry-After: 1``), ``"reset"``, ``"cut"`` (half of the answer's body),
#: ``"odd"`` (a part of a file as if it were the whole of it, but for its ``Content-Range``).
Rule = Callable[[str, str, int], "int | str | None"]


class Proxy:
    """Listens on this machine until :meth:`close`. ``faults`` counts what was done; ``requests`` all, by method."""

    def __init__(self, address: str, rule: Rule, handler: type[Handler] | None = None) -> None:
        self.target = urlsplit(address).netloc
        self.rule = rule
        self.faults = 0
        self.requests: dict[str, int] = {}
        self.sent = 0  # bytes of bodies that clients sent and the server took
        self.given = 0  # bytes of bodies that the server gave
        self.lock = threading.Lock()
        served = type("Served", (handler or Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), served)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, path: str) -> int | str | None:
        with self.lock:
            number = self.requests[method] = self.requests.get(method, 0) + 1
            found = self.rule(method, path, number)
            self.faults += found is not None
        return found


class Handler(BaseHTTPRequestHandler):
    owner: Proxy
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self._body()
        fault = self.owner.fault(self.command, self.path)
        self.close_connection = True
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif isinstance(fault, int):
            self.send_response(fault)
            for name, value in (("Retry-After", "1"), ("Content-Length", "0"), ("Connection", "close")):
                self.send_header(name, value)
            self.end_headers()
        else:
            self._pass_on(body, fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # BaseHTTPRequestHandler has answered it
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        upstream = http.client.HTTPConnection(self.owner.target, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        data = answer.read()
        with self.owner.lock:
            self.owner.sent += len(body)
            self.owner.given += len(data)
        self.send_response_only(200 if fault == "odd" and answer.status == 206 else answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        if length is not None:
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)
        upstream.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Wire:
    """Before a server that does not speak HTTP; listens until :meth:`close`.

    :param breaks: asked with the bytes that have been sent in all; True: this connection is reset.
    """

    def __init__(self, host: str, port: int, breaks: Callable[[int], bool] = lambda sent: False) -> None:
        self._target = (host, port)
        self._breaks = breaks
        self.sent = 0  # bytes that clients sent
        self.given = 0  # bytes that the server gave
        self.broken = 0  # connections
        self.lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._target)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_client: bool) -> None:
        try:
            while data := source.recv(1 << 18):
                sink.sendall(data)
                with self.lock:
                    self.sent += len(data) if is_client else 0
                    self.given += 0 if is_client else len(data)
                    is_broken = is_client and self._breaks(self.sent)
                    self.broken += is_broken
                if is_broken:
                    for one in (source, sink):
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        one.shutdown(socket.SHUT_RDWR)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has gone
        finally:
            source.close()
