"""What the client of Airflow's API does when an Airflow leaves it without an answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlsteps.client import airflow_api
from mlsteps.client.airflow_api import Address, AirflowApi
from mlsteps.errors import ExperimentExecutionException


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


@pytest.mark.parametrize(
    ("answers", "error"),
    [([500, 503, 200], None), ([500, 409], None), ([409], "HTTP 409"), ([500] * 5, "HTTP 500"), ([404], "HTTP 404")],
)
def test_a_run_that_a_busy_airflow_failed_to_start_is_asked_for_again(monkeypatch, answers, error) -> None:
    monkeypatch.setattr(airflow_api, "_PAUSES", (0, 0, 0, 0))
    left = list(answers)

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(left.pop(0))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = AirflowApi(Address(f"http://127.0.0.1:{server.server_port}", token="t"))
        if error is None:
            api.trigger("d", "r", {})
        else:
            with pytest.raises(ExperimentExecutionException, match=error):
                api.trigger("d", "r", {})
        api.close()
        server.shutdown()
    assert left == []
