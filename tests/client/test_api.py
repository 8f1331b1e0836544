"""What the client of Airflow's API does when an Airflow leaves it without an answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from mlsteps.client.airflow_api import Address, AirflowApi


def test_a_login_that_a_busy_airflow_left_unanswered_is_asked_for_once_more() -> None:
    asked = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            if len(asked) > 1:
                self._say(b'{"access_token": "t"}')

        def do_GET(self) -> None:
            asked.append(self.path)
            self._say(b"{}")

        def _say(self, text: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = AirflowApi(Address(f"http://127.0.0.1:{server.server_port}", "me", "word"))
        assert api.token() == "t"
        api.close()
        server.shutdown()
    assert asked == ["/auth/token", "/auth/token", "/api/v2/dags?limit=1"]
