"""V21, V22: steps that live on services of their own."""

from __future__ import annotations

from tests.acceptance.harness import Case, Row

#: The original notebook uses three names that it never defines.
_PREAMBLE = """
from azureml.core import Datastore as _Datastore, Workspace as _Workspace
from azureml.core.compute import ComputeTarget as _ComputeTarget, DataFactoryCompute as _DataFactoryCompute
from azureml.data.data_reference import DataReference as _DataReference
from azureml.exceptions import UserErrorException

_ws = _Workspace.from_config()
blob_data_ref = _DataReference(
    datastore=_ws.get_default_datastore(), data_reference_name="blob_test_data", path_on_datastore="testdata"
)
try:
    data_factory_compute = _DataFactoryCompute(_ws, "adftest")
except Exception:
    data_factory_compute = _ComputeTarget.create(_ws, "adftest", _DataFactoryCompute.provisioning_configuration())
"""


class DataTransfer(Row):
    """Lake to blob, and three databases to blob."""

    code = 1

    def supply(self, case: Case) -> None:
        from mlsteps.registry.documents import put_datastore

        lake = case.folder / "lake"
        (lake / "testdata").mkdir(parents=True)
        (lake / "testdata" / "numbers.txt").write_text("1 2 3")
        put_datastore(case.store, {"name": "myadlsgen2datastore", "type": "Url", "url": str(lake)}, True)
        entry = case.tree / case.report["entry"]
        with_preamble = entry.with_name("with_preamble.nb.py")
        with_preamble.write_text(_PREAMBLE + f"exec(compile(open({str(entry)!r}).read(), {str(entry)!r}, 'exec'))\n")
        case.report["entry"] = str(with_preamble.relative_to(case.tree))

    def works_unsupported_is_named(self, case: Case) -> None:
        assert "UnsupportedFeature" in case.first.output or "SQL" in case.first.output, case.first.output[-300:]

    def works_lake_to_blob_copies(self, case: Case) -> None:
        if "UnsupportedFeature: DataTransferStep" in case.first.output:
            return  # refused by name, all of it
        assert (case.blob / "testdata" / "numbers.txt").read_text() == "1 2 3"


class Databricks(Row):
    """Six variants of DatabricksStep; there is no Databricks."""

    code = 1

    def supply(self, case: Case) -> None:
        case.environ["DATABRICKS_COMPUTE_NAME"] = "databricks"

    def works_refused_by_name_or_compiled(self, case: Case) -> None:
        assert "UnsupportedFeature: Databricks" in case.first.output or case.compiled()

    def works_no_silent_success(self, case: Case) -> None:
        assert case.first.code != 0 or any(run.status == "Failed" for run in case.first.runs)


ROWS: dict[str, Row] = {"V21": DataTransfer(), "V22": Databricks()}
