"""R scripts as steps: what is asked of R. The scripts themselves run in ``tests/components/test_r_steps.py``."""

from __future__ import annotations

import pytest

from mlsteps.contracts.r_settings import r_settings
from mlsteps.errors import InvalidInput


def test_a_step_without_r_says_so(steps):
    settings = {"program": "Rscript", "packages": [], "repository": ""}
    result = steps.run(argv=({"r": ""}, "train.R"), r=settings, environment_variables={"PATH": "/nowhere"})
    assert (result.status, result.error["category"]) == ("Failed", "environment")
    assert "has no Rscript" in result.error["message"] and "rscript_path" in result.error["message"]


def test_packages_of_the_environment_come_before_those_of_the_step():
    section = {
        "rscript_path": "/opt/R/bin/Rscript",
        "snapshot_date": "2021-03-01",
        "cran_packages": [{"name": "dplyr", "version": "1.0.0"}],
        "bioconductor_packages": ["limma"],
    }
    payload = {"cran_packages": ["optparse"], "github_packages": ["user/repo"], "custom_url_packages": ["http://x/y"]}
    assert r_settings(payload, section) == {
        "program": "/opt/R/bin/Rscript",
        "repository": "https://packagemanager.posit.co/cran/2021-03-01",
        "packages": [
            ["cran", "dplyr", "1.0.0", ""],
            ["bioconductor", "limma", "", ""],
            ["cran", "optparse", "", ""],
            ["github", "user/repo", "", ""],
            ["url", "http://x/y", "", ""],
        ],
    }


def test_nothing_is_installed_into_an_r_of_the_users_own():
    assert r_settings({}, {"user_managed": True})["packages"] == []
    with pytest.raises(InvalidInput, match="user_managed"):
        r_settings({"cran_packages": ["dplyr"]}, {"user_managed": True})
