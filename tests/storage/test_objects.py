"""obstore beside the drivers: what it is told, what it is not, and how a large object is read ahead."""

from __future__ import annotations

import base64
import io
import threading

import pytest

from mlsteps.storage.ahead import PIECE, Pieces, all_of, as_they_come, in_order, one_ahead, without
from mlsteps.storage.objects.failures import Unanswered
from mlsteps.storage.objects.options import settings_of
from mlsteps.storage.objects.requests import open_requests

KEY = {"key": "k", "secret": "s"}


class TestOptions:
    @pytest.mark.parametrize(
        ("protocol", "options", "expected"),
        [
            (
                "s3",
                {**KEY, "endpoint_url": "http://h:1"},
                {"endpoint": "http://h:1", "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"},
            ),
            ("s3", {"anon": True, "client_kwargs": {"region_name": "eu"}}, {"skip_signature": True, "region": "eu"}),
            (
                "abfs",
                {"connection_string": "AccountName=a;AccountKey=K==;BlobEndpoint=http://h:1/a;"},
                {"account_name": "a", "account_key": "K==", "endpoint": "http://h:1/a"},
            ),
            (
                "abfs",
                {"connection_string": "AccountName=a;SharedAccessSignature=sv=1&sig=x%3D"},
                {"sas_key": "sv=1&sig=x%3D", "endpoint": "https://a.blob.core.windows.net"},
            ),
            (
                "abfss",
                {"account_name": "a", "client_id": "c", "client_secret": "s", "tenant_id": "t"},
                {"client_id": "c", "client_secret": "s", "tenant_id": "t"},
            ),
        ],
    )
    def test_what_can_be_told(self, protocol, options, expected, monkeypatch) -> None:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION"):
            monkeypatch.delenv(name, raising=False)
        found = settings_of(protocol, options)
        assert found is not None and {name: found.get(name) for name in expected} == expected
        assert bool(found["client_options"].get("allow_http")) == found.get("endpoint", "").startswith("http:")

    @pytest.mark.parametrize(
        ("protocol", "options"),
        [
            ("s3", {"profile": "work"}),
            ("s3", {"client_kwargs": {"region_name": "eu"}}),
            ("s3", KEY),
            ("s3", {**KEY, "endpoint_url": "http://h", "s3_additional_kwargs": {"ServerSideEncryption": "aws:kms"}}),
            ("s3", {**KEY, "client_kwargs": {"region_name": "eu", "verify": False}}),
            ("abfs", {"account_name": "a"}),
            ("abfs", {"account_name": "a", "credential": object()}),
            ("gs", {"token": "anon"}),
        ],
    )
    def test_what_only_the_driver_knows_is_left_to_it(self, protocol, options, monkeypatch) -> None:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION"):
            monkeypatch.delenv(name, raising=False)
        assert settings_of(protocol, options) is None


class TestAhead:
    def test_pieces_come_in_order_however_they_are_fetched(self) -> None:
        data = bytes(range(256)) * (5 * PIECE // 256 + 7)
        second = threading.Event()

        def fetch(start: int, end: int) -> bytes:
            if start == 3:
                second.wait(10)  # the first is the last to come
            else:
                second.set()
            return data[start:end]

        assert b"".join(in_order(fetch, 3, len(data), 4)) == data[3:]

    def test_no_more_than_wanted_are_fetched_ahead(self) -> None:
        fetched: list[int] = []
        pieces = in_order(lambda start, end: fetched.append(start) or b"x", 0, 100 * PIECE, 3)
        next(pieces)
        next(pieces)
        pieces.close()
        assert len(fetched) <= 5

    def test_a_fault_comes_in_its_turn(self) -> None:
        def fetch(start: int, end: int) -> bytes:
            if start:
                raise ConnectionError("reset")
            return b"first"

        pieces = in_order(fetch, 0, 2 * PIECE, 2)
        assert next(pieces) == b"first"
        with pytest.raises(ConnectionError):
            next(pieces)

    def test_what_lands_by_itself_is_told_in_order(self) -> None:
        second = threading.Event()

        def fetch(start: int, end: int, ended: threading.Event) -> int:
            second.wait(10) if start == 3 else second.set()  # the first is the last to come
            return end - start

        assert list(as_they_come(fetch, 3, 2 * PIECE + 7, 2)) == [PIECE, PIECE, 4]

    def test_when_it_is_given_up_nothing_lands_any_more(self) -> None:
        begun = threading.Event()
        entered: list[int] = []
        left: list[int] = []

        def fetch(start: int, end: int, ended: threading.Event) -> int:
            entered.append(start)
            if start:
                begun.set()
                ended.wait(10)
            left.append(start)
            return end - start

        coming = as_they_come(fetch, 0, 100 * PIECE, 2)
        next(coming)
        begun.wait(10)
        coming.close()
        assert sorted(left) == sorted(entered) and len(left) <= 3  # what was under way has ended, nothing else begins

    @pytest.mark.parametrize("count", [1, 3, 1000])
    def test_as_a_file(self, count) -> None:
        parts = [b"abc", b"defgh", b"i"]
        file = Pieces(one_ahead(iter(parts)), 9)
        read = b""
        while piece := file.read(count):
            read += piece
        assert read == b"abcdefghi"
        assert file.read(1) == b""

    def test_what_is_left_after_a_read(self) -> None:
        file = Pieces(iter([b"abc", b"def"]), 6)
        assert file.read(2) == b"ab"
        assert [bytes(piece) for piece in file.buffers()] == [b"c", b"def"]

    @pytest.mark.parametrize("count", [0, 2, 3, 4, 9])
    def test_from_a_place_on_where_the_server_gives_only_the_whole(self, count) -> None:
        assert b"".join(without(iter([b"abc", b"def", b"ghi"]), count)) == b"abcdefghi"[count:]

    def test_so_many_bytes_or_an_error(self) -> None:
        file = Pieces(iter([b"abc", b"def"]), 6)
        assert b"".join(all_of(file, 4)) == b"abcd"
        with pytest.raises(ConnectionError, match="2 of 3 bytes came"):
            list(all_of(file, 3))
        assert b"".join(all_of(io.BytesIO(b"abcdef"), 4)) == b"abcd"


class TestRequests:
    """What is signed, and where the driver is left to do it. That servers accept it, the components' tests tell."""

    def opened(self, service: str, **settings: str):
        return open_requests(service, {"endpoint": "http://h:1/a", "region": "eu", "account_name": "a", **settings})

    @pytest.mark.parametrize(
        ("service", "settings"),
        [("s3", {"skip_signature": True}), ("azure", {"skip_signature": True}), ("azure", {"client_id": "c"})],
    )
    def test_other_identities_are_left_to_the_driver(self, service, settings) -> None:
        assert self.opened(service, **settings) is None

    def test_a_proxy_is_left_to_the_driver(self, monkeypatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
        assert self.opened("azure", sas_key="sig=x") is None
        monkeypatch.setenv("NO_PROXY", "h")
        assert self.opened("azure", sas_key="sig=x") is not None

    def test_a_sas_goes_with_every_address(self) -> None:
        made = self.opened("azure", sas_key="sv=1&sig=x")
        assert made is not None
        assert made._signed("PUT", made._url("c/n a", "comp=block"), {}, b"")[0] == (
            "http://h:1/a/c/n%20a?comp=block&sv=1&sig=x"
        )

    def test_a_failure_does_not_tell_the_secret(self, monkeypatch) -> None:
        made = self.opened("azure", sas_key="sv=1&sig=s3cret")
        assert made is not None
        made._pool.connection_pool_kw["retries"] = False
        with pytest.raises(Unanswered) as caught:
            made.copy("c/a", "c/b")
        assert "s3cret" not in str(caught.value)

    def test_blocks_are_named_by_upload_part_and_content_all_in_one_length(self) -> None:
        made = self.opened("azure", account_key="aw==")
        assert made is not None
        sent: list[str] = []
        made._ask = lambda method, url, **more: sent.append(url)
        upload = made.begin("c/a", "f" * 64)
        parts = [made.put("c/a", upload, number, b"data") for number in (1, 9_000)]
        assert len({len(part.tag) for part in parts}) == 1 and len(base64.b64decode(parts[0].tag)) <= 64
        assert [made.holds(part, b"data") for part in parts] == [True, True]
        assert not made.holds(parts[0], b"dat4") and not made.holds(parts[0], b"data2")
