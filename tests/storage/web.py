"""A web server on a folder, with ranges or without, which counts what it sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Served:
    """``url`` of the server; ``sent``, bytes of bodies that left it; ``requests``, method and path of each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[tuple[str, str]] = []
        self._counts: list[int] = []

    @property
    def sent(self) -> int:
        return sum(self._counts)


class _Counting:
    """An ASGI application around another one."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.served: Served | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counted(message: Any) -> None:
            if self.served is not None and message["type"] == "http.response.body":
                self.served._counts.append(len(message.get("body", b"")))
            await send(message)

        if self.served is not None and scope["type"] == "http":
            self.served.requests.append((scope["method"], scope["path"]))
        await self._app(scope, receive, counted)


@contextmanager
def serve(folder: Path, *, ranges: bool = True) -> Iterator[Served]:
    """Serve a folder: by uvicorn and Starlette's static files, or, without ranges, by Python's own server."""
    if ranges:
        with _uvicorn(folder) as served:
            yield served
    else:
        with _plain(folder) as served:
            yield served


@contextmanager
def _uvicorn(folder: Path) -> Iterator[Served]:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    app = _Counting(Starlette(routes=[Mount("/", StaticFiles(directory=str(folder)))]))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    app.served = Served(f"http://127.0.0.1:{socket.getsockname()[1]}")
    try:
        yield app.served
    finally:
        server.should_exit = True
        thread.join(10)
        socket.close()


@contextmanager
def _plain(folder: Path) -> Iterator[Served]:
    served = Served("")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            served.requests.append(("GET", self.path))
            super().do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
