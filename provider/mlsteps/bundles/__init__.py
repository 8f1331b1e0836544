"""The DAG bundle: serves the stored pipelines of a workspace as DAGs, with versions (Airflow's ``BaseDagBundle``).

``[dag_processor] dag_bundle_config_list`` names :class:`MlstepsDagBundle` and the workspace's root; see
``docs/publishing.md``.
"""

from __future__ import annotations

from mlsteps.bundles.bundle import MlstepsDagBundle

__all__ = ["MlstepsDagBundle"]
