"""What an ``RScriptStep`` needs of R: its program and packages, from the step and its environment. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from mlsteps.errors import InvalidInput

#: Where packages come from when nothing else is said.
CRAN = "https://cloud.r-project.org"
#: CRAN as it was on a day.
_SNAPSHOT = "https://packagemanager.posit.co/cran/{day}"


def r_settings(payload: Mapping[str, Any], section: Mapping[str, Any]) -> Dict[str, Any]:
    """``{"program":, "packages": [[kind, what, version, repository]...], "repository":}``, as ``StepSpec.r`` holds it.

    :param payload: the step's own ``cran_packages``, ``github_packages``, ``custom_url_packages``.
    :param section: ``environment.r`` of the run configuration; its packages come first. With ``user_managed`` R and its
        packages are taken as they are.
    :raises InvalidInput: for packages beside ``user_managed``.
    """
    day = section.get("snapshot_date")
    packages = [*_packages(section), *_packages(payload)]
    if section.get("user_managed") and packages:
        raise InvalidInput(
            f"environment.r is user_managed and the step asks for the R packages {[item[1] for item in packages]}",
            expected="either",
            mend="leave user_managed False, or have the packages where R looks for them",
        )
    return {
        "program": section.get("rscript_path") or "Rscript",
        "packages": packages,
        "repository": _SNAPSHOT.format(day=day) if day else "",
    }


def _packages(said: Mapping[str, Any]) -> List[List[str]]:
    found = [_cran(item) for item in said.get("cran_packages") or ()]
    found += [["bioconductor", str(name), "", ""] for name in said.get("bioconductor_packages") or ()]
    found += [["github", _repository(item), "", ""] for item in said.get("github_packages") or ()]
    found += [["url", str(url), "", ""] for url in said.get("custom_url_packages") or ()]
    return found


def _cran(item: Any) -> List[str]:
    if not isinstance(item, Mapping):
        return ["cran", str(item), "", ""]
    return ["cran", *(str(item.get(key) or "") for key in ("name", "version", "repository"))]


def _repository(item: Any) -> str:
    return str(item.get("repository") if isinstance(item, Mapping) else item)
