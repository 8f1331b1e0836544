from __future__ import annotations

import http.server
import os
import threading
import time

import pytest

from mlsteps.errors import DatasetExecutionError, DatasetValidationError, StoreError, UnsupportedFeature
from mlsteps.storage.base import MissingFile
from mlsteps.storage.datasets import content_identity, files_of_manifest, is_single_file, resolve_files
from mlsteps.storage.digests import tree_manifest
from mlsteps.storage.open import open_store
from mlsteps.storage.transfer import upload_tree
from tests.storage.trees import Clock, Reads, make_tree

TREE = [
    "train/a.csv",
    "train/b.txt",
    "train/sub/c.csv",
    "train/sub/deep/d.csv",
    "test/a.csv",
    "top.csv",
    "w 2019/x.csv",
]


@pytest.fixture
def filled(store):
    for name in TREE:
        store.write(name, name.encode())
    return store


def files(*paths: str, **more: object) -> dict[str, object]:
    return {"type": "file", "paths": [{"datastore": "ds", "path": path} for path in paths], **more}


def found(definition, store, **options) -> dict[str, str]:
    return {item.relative: item.path for item in resolve_files(definition, lambda _: store, **options)}


@pytest.mark.parametrize(
    ("path", "relatives"),
    [
        ("train", ["a.csv", "b.txt", "sub/c.csv", "sub/deep/d.csv"]),
        ("/train/", ["a.csv", "b.txt", "sub/c.csv", "sub/deep/d.csv"]),
        ("train/**", ["a.csv", "b.txt", "sub/c.csv", "sub/deep/d.csv"]),
        ("train/*", ["a.csv", "b.txt"]),
        ("train/*.csv", ["a.csv"]),
        ("train/**/*.csv", ["a.csv", "sub/c.csv", "sub/deep/d.csv"]),
        ("train/**/deep/*", ["sub/deep/d.csv"]),
        ("train/?.csv", ["a.csv"]),
        ("train/a.csv", ["a.csv"]),
        ("*/a.csv", ["test/a.csv", "train/a.csv"]),
        ("**/a.csv", ["test/a.csv", "train/a.csv"]),
        ("tr*", ["train/a.csv", "train/b.txt", "train/sub/c.csv", "train/sub/deep/d.csv"]),
        ("t*/sub", ["train/sub/c.csv", "train/sub/deep/d.csv"]),
        ("w 2019/*", ["x.csv"]),
        ("*.csv", ["top.csv"]),
        ("", sorted(TREE)),
        ("/", sorted(TREE)),
        ("**", sorted(TREE)),
    ],
)
def test_what_a_path_stands_for(filled, path, relatives) -> None:
    assert list(found(files(path), filled)) == relatives


def test_several_paths_share_their_deepest_common_folder(filled) -> None:
    assert found(files("train/sub", "train/a.csv"), filled) == {
        "sub/c.csv": "train/sub/c.csv",
        "sub/deep/d.csv": "train/sub/deep/d.csv",
        "a.csv": "train/a.csv",
    }
    assert list(found(files("train/a.csv", "test/a.csv"), filled)) == ["train/a.csv", "test/a.csv"]
    assert list(found(files("train/*.csv", "train/a.csv", "train"), filled)) == [
        "a.csv",
        "b.txt",
        "sub/c.csv",
        "sub/deep/d.csv",
    ]


def test_several_stores_begin_with_their_names(local_store, memory_store) -> None:
    stores = {"one": local_store, "two": memory_store}
    for store in stores.values():
        store.write("d/f", b"x")
    definition = {"type": "file", "paths": [{"datastore": name, "path": "d"} for name in stores]}
    assert [item.relative for item in resolve_files(definition, stores.__getitem__)] == ["one/d/f", "two/d/f"]


@pytest.mark.parametrize("name", ["what?.csv", "all*.csv", "x[1].csv", "50%.csv", "a#b.csv"])
def test_a_name_with_signs_is_found_as_it_stands(store, name) -> None:
    store.write(f"d/{name}", b"")
    store.write("d/whatx.csv", b"")
    assert found(files(f"d/{name}"), store) == {name: f"d/{name}"}


@pytest.mark.parametrize("path", ["nowhere", "train/nothing*", "**/*.parquet", "top.csv/x"])
def test_a_path_without_files_is_named(filled, path) -> None:
    with pytest.raises(DatasetValidationError) as caught:
        resolve_files(files("train", path), lambda _: filled)
    assert repr(path) in str(caught.value) and "'ds'" in str(caught.value)
    assert resolve_files(files(path), lambda _: filled, missing_ok=True) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x"])
def test_a_path_that_leaves_its_datastore_is_refused(filled, path) -> None:
    with pytest.raises(DatasetValidationError, match="leaves"):
        resolve_files(files(path), lambda _: filled)


def test_an_empty_local_folder_is_a_dataset_without_files(local_store) -> None:
    os.makedirs(local_store.local_path("empty"))
    assert resolve_files(files("empty"), lambda _: local_store) == []
    assert content_identity(files("empty"), lambda _: local_store).explanation == []


def test_definitions_without_files_say_so(local_store) -> None:
    with pytest.raises(DatasetValidationError, match="no path"):
        resolve_files({"type": "file", "paths": []}, lambda _: local_store)
    query = {"type": "tabular", "sql": {"datastore": "db", "query": "select 1"}}
    with pytest.raises(StoreError, match="query"):
        resolve_files(query, lambda _: local_store)
    with pytest.raises(StoreError, match="cannot be computed"):
        content_identity(query, lambda _: local_store)


def test_one_file_is_a_file_and_a_folder_of_one_is_a_folder(filled) -> None:
    for path, single in (
        ("top.csv", True),
        ("/top.csv", True),
        ("w 2019", False),
        ("w 2019/*", False),
        ("train", False),
    ):
        definition = files(path)
        assert is_single_file(definition, resolve_files(definition, lambda _: filled)) is single
    both = files("top.csv", "train/a.csv")
    assert is_single_file(both, resolve_files(both, lambda _: filled)) is False


# -- operations


def test_take_and_skip_choose_files(filled) -> None:
    operations = [{"op": "skip", "count": 1}, {"op": "take", "count": 2}]
    assert list(found(files("train", operations=operations), filled)) == ["b.txt", "sub/c.csv"]


def test_halves_of_a_split_fill_each_other_up_and_keep_still(store) -> None:
    for number in range(200):
        store.write(f"d/{number}", b"")
    halves = [
        set(found(files("d", operations=[{"op": "split", "low": low, "high": high, "seed": 7}]), store))
        for low, high in ((0.0, 0.3), (0.3, 1.0))
    ]
    assert halves[0] | halves[1] == {str(number) for number in range(200)} and not halves[0] & halves[1]
    assert 30 < len(halves[0]) < 90
    store.write("d/another", b"")
    again = found(files("d", operations=[{"op": "split", "low": 0.0, "high": 0.3, "seed": 7}]), store)
    assert set(again) - {"another"} == halves[0]


def test_operations_on_rows_are_for_tables(filled) -> None:
    operations = [{"op": "keep_columns", "columns": ["x"]}]
    with pytest.raises(UnsupportedFeature, match="keep_columns"):
        resolve_files(files("train", operations=operations), lambda _: filled)
    table = {**files("train", operations=operations), "type": "tabular"}
    assert len(resolve_files(table, lambda _: filled)) == 4


def test_a_filter_chooses_by_property_and_partition(store) -> None:
    for name in ("d/2019/uk/a.csv", "d/2019/de/b.csv", "d/2020/uk/cc.txt"):
        store.write(name, b"x" * name.count("c"))
    for expression, chosen in (
        ({"op": "eq", "args": [{"column": "country"}, {"value": "uk"}]}, ["2019/uk/a.csv", "2020/uk/cc.txt"]),
        ({"op": "gt", "args": [{"metadata": "Size"}, {"value": 1}]}, ["2020/uk/cc.txt"]),
        ({"op": "eq", "args": [{"metadata": "Extension"}, {"value": ".csv"}]}, ["2019/de/b.csv", "2019/uk/a.csv"]),
    ):
        operations = [{"op": "filter", "expression": expression}]
        definition = files("d", operations=operations, partition_format="/{year:yyyy}/{country}/{name}")
        assert list(found(definition, store)) == chosen
    unknown = [{"op": "filter", "expression": {"op": "eq", "args": [{"column": "town"}, {"value": ""}]}}]
    with pytest.raises(DatasetExecutionError, match="town"):
        found(files("d", operations=unknown), store)


# -- identity


def test_touching_changes_no_identity_and_a_byte_does(local_store) -> None:
    local_store.write("d/a", b"1")
    local_store.write("d/b", b"2")
    before = content_identity(files("d"), lambda _: local_store)
    os.utime(local_store.local_path("d/a"), (1, 1))
    assert content_identity(files("d"), lambda _: local_store) == before
    assert [row[:2] for row in before.explanation] == [["a", 1], ["b", 1]]
    local_store.write("d/a", b"3")
    assert content_identity(files("d"), lambda _: local_store).digest != before.digest


def test_a_listed_store_is_known_by_its_stamps(memory_store) -> None:
    memory_store.write("d/a", b"1")
    before = content_identity(files("d"), lambda _: memory_store)
    assert content_identity(files("d"), lambda _: memory_store) == before
    assert before.explanation == [["a", 1, memory_store.entry("d/a").stamp]]
    time.sleep(0.002)
    memory_store.write("d/a", b"2")
    assert content_identity(files("d"), lambda _: memory_store).digest != before.digest


def test_a_new_file_and_another_name_change_the_identity(store) -> None:
    store.write("d/a", b"1")
    seen = {content_identity(files("d"), lambda _: store).digest}
    store.write("d/b", b"1")
    seen.add(content_identity(files("d"), lambda _: store).digest)
    store.delete("d/a")
    seen.add(content_identity(files("d"), lambda _: store).digest)
    assert len(seen) == 3


def test_an_output_and_the_dataset_over_it_have_the_same_identity(tmp_path, local_store) -> None:
    made = make_tree(tmp_path / "out", {"a/b": "1", "c": "2"})
    manifest = upload_tree(str(made), local_store, "azureml/run/out", overwrite=False)
    for path in ("azureml/run/out", "azureml/run/out/**"):
        assert (
            content_identity(files(path), lambda _: local_store).digest
            == manifest.tree
            == tree_manifest(str(made)).tree
        )


def test_only_the_chosen_files_count(local_store) -> None:
    for name in ("d/a.csv", "d/b.txt"):
        local_store.write(name, b"1")
    before = content_identity(files("d/*.csv"), lambda _: local_store)
    local_store.write("d/b.txt", b"2")
    assert content_identity(files("d/*.csv"), lambda _: local_store) == before


def test_unchanged_files_are_not_read_again(local_store, monkeypatch) -> None:
    clock, reads = Clock(monkeypatch), Reads(monkeypatch)
    for name in ("d/a", "d/b", "e/c"):
        local_store.write(name, b"1")
    clock.settle()
    for paths, names in ((("d",), ["a", "b"]), (("d", "e"), ["a", "b", "c"])):
        content_identity(files(*paths), lambda _: local_store)
        assert reads.taken() == names
        content_identity(files(*paths), lambda _: local_store)
        assert reads.taken() == []


def test_a_mixed_dataset_has_an_identity_that_follows_both(local_store, memory_store) -> None:
    stores = {"one": local_store, "two": memory_store}
    definition = {"type": "file", "paths": [{"datastore": name, "path": "d"} for name in stores]}
    seen = set()
    for number in range(3):
        for store in list(stores.values())[: number + 1]:
            store.write("d/f", b"%d" % number)
        memory_store.create("d/f", b"")
        seen.add(content_identity(definition, stores.__getitem__).digest)
        assert content_identity(definition, stores.__getitem__).digest in seen
    assert len(seen) == 3


def test_a_manifest_gives_its_files_and_no_others(tmp_path, store) -> None:
    made = make_tree(tmp_path / "out", {"a/b": "1", "c": "2"})
    manifest = upload_tree(str(made), store, "o/p", overwrite=False)
    store.write("o/p/intruder", b"")
    listed = files_of_manifest(manifest, store, "o/p")
    assert {item.relative: item.path for item in listed} == {"a/b": "o/p/a/b", "c": "o/p/c"}
    single = upload_tree(str(made / "c"), store, "o/file.txt", overwrite=False)
    assert [item[1:3] for item in files_of_manifest(single, store, "o/file.txt")] == [("o/file.txt", "file.txt")]


# -- the web


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        server = self.server
        path, _, query = self.path.partition("?")
        server.seen.append((self.command, self.path))
        content = server.pages.get(path)
        status = 404 if content is None else 200
        if server.failures:
            status = server.failures.pop(0)
        if path.startswith("/private") and query != "sig=SECRET":
            status = 403
        if not body and path in server.no_head:
            status = 405
        self.send_response(status)
        if status == 200:
            declared = len(content) + server.missing
            self.send_header("Content-Length", str(declared))
            if server.tagged:
                self.send_header("ETag", f'"{hash(content)}"')
        else:
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", "0")
        self.end_headers()
        if body and status == 200:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages = {"/data/a%20b.csv": b"1,2\n", "/data/c.csv": b"3\n", "/private/d.csv": b"4\n"}
    server.seen, server.failures, server.no_head, server.tagged, server.missing = [], [], set(), True, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def urls(web, *paths: str) -> dict[str, object]:
    return {"type": "file", "paths": [{"url": web.url + path} for path in paths]}


def no_stores(name: str):
    raise AssertionError(name)


def test_web_files_resolve_and_come(web, tmp_path) -> None:
    definition = urls(web, "/data/a%20b.csv")
    (item,) = resolve_files(definition, no_stores)
    assert (item.relative, item.size) == ("a b.csv", 4) and item.stamp
    assert is_single_file(definition, [item])
    assert item.store.read(item.path) == b"1,2\n"
    item.store.get_file(item.path, str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"1,2\n"
    several = resolve_files(urls(web, "/data/a%20b.csv", "/private/d.csv?sig=SECRET"), no_stores)
    assert [each.relative for each in several] == ["data/a b.csv", "private/d.csv"]


def test_a_missing_page_is_named(web, tmp_path) -> None:
    with pytest.raises(DatasetValidationError, match=r"data/nowhere\.csv"):
        resolve_files(urls(web, "/data/nowhere.csv"), no_stores)
    with pytest.raises(MissingFile, match="nowhere"):
        open_store(web.url).get_file("nowhere", str(tmp_path / "x"))
    assert os.listdir(tmp_path) == []


def test_a_signature_opens_the_page_and_shows_nowhere(web) -> None:
    (item,) = resolve_files(urls(web, "/private/d.csv?sig=SECRET"), no_stores)
    assert item.store.read(item.path) == b"4\n"
    assert "SECRET" not in item.store.url_of(item.path) + item.store.url + repr(item.store)
    with pytest.raises(StoreError) as caught:
        resolve_files(urls(web, "/private/d.csv?sig=WRONG"), no_stores)
    assert "WRONG" not in str(caught.value)


def test_a_busy_server_is_asked_again(web) -> None:
    web.failures = [503, 429]
    assert len(resolve_files(urls(web, "/data/c.csv"), no_stores)) == 1
    assert len(web.seen) == 3
    web.failures = [500] * 9
    with pytest.raises(StoreError, match="500"):
        resolve_files(urls(web, "/data/c.csv"), no_stores)


def test_a_server_without_head_is_fine(web) -> None:
    web.no_head = {"/data/c.csv"}
    assert resolve_files(urls(web, "/data/c.csv"), no_stores)[0].size == 2


def test_a_page_cut_short_is_an_error(web, tmp_path) -> None:
    web.missing = 3
    with pytest.raises(StoreError):
        open_store(web.url).get_file("data/c.csv", str(tmp_path / "x"))
    assert os.listdir(tmp_path) == []


def test_identity_of_a_page_with_and_without_a_tag(web) -> None:
    definition = urls(web, "/data/c.csv")
    for tagged in (True, False):
        web.tagged = tagged
        web.pages["/data/c.csv"] = b"3\n"
        before = content_identity(definition, no_stores)
        assert content_identity(definition, no_stores) == before
        web.pages["/data/c.csv"] = b"4\n"
        assert content_identity(definition, no_stores).digest != before.digest


def test_the_web_is_for_reading(web) -> None:
    store = open_store(web.url + "/data")
    for attempt in (lambda: store.write("x", b""), lambda: list(store.list("")), lambda: store.delete("x")):
        with pytest.raises(UnsupportedFeature, match="web server"):
            attempt()
    assert web.seen == []


def test_other_urls_open_their_store(tmp_path, memory_store) -> None:
    memory_store.write("d/f.csv", b"1")
    make_tree(tmp_path, {"l/g.csv": "2"})
    for url, relatives in (
        (memory_store.url_of("d"), ["f.csv"]),
        (memory_store.url_of("d/*.csv"), ["f.csv"]),
        (f"file://{tmp_path}/l", ["g.csv"]),
        (f"{tmp_path}/l/*.csv", ["g.csv"]),
    ):
        assert list(found({"type": "file", "paths": [{"url": url}]}, None)) == relatives
