"""The first rows of large files in real stores need the heads of those files; counted between client and server."""

from __future__ import annotations

import pandas
import pytest

from mlsteps.sdk.table_operations import delimited_reader, parquet_reader
from mlsteps.tables.frame import read
from tests.components.conftest import opened
from tests.components.faults import Proxy
from tests.components.test_faults import through


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["blob", "s3", "gcs"])
def test_ten_rows_of_a_large_file(request, kind: str, form: str, tmp_path) -> None:
    place = request.getfixturevalue(kind)
    rows = pandas.DataFrame({"n": range(120_000), "text": [f"{n * 7919:0120d}" for n in range(120_000)]})
    path = tmp_path / f"large.{form}"
    if form == "csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, row_group_size=10_000, compression=None)
    size = path.stat().st_size
    assert size > 12 << 20
    opened(place).put_file(str(path), f"large.{form}")
    address = place["credentials"].get("endpoint_url") or f"http://{place['document']['endpoint']}"
    proxy = Proxy(address, lambda method, path, number: None)
    try:
        store = opened(through(place, proxy.url))
        reader = delimited_reader() if form == "csv" else parquet_reader()
        what = {"type": "tabular", "paths": [{"datastore": "d", "path": f"large.{form}"}], "reader": reader}
        found = read({**what, "operations": [{"op": "take", "count": 10}]}, lambda name: store)
        assert found["n"].tolist() == list(range(10))
        most = 1 << 20 if form == "csv" else 2 << 20  # of parquet, its end and a page of each column
        assert 0 < proxy.given < most, proxy.given
    finally:
        proxy.close()
