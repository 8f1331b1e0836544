"""The R packages of a step: installed once for each R and list of packages, into a library of this machine.

``$MLSTEPS_HOME/environments/r/<digest>``; its marker is written when every package can be loaded.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping

from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.r_settings import CRAN
from mlsteps.runner.failure import StepFailure
from mlsteps.storage.places import home

#: Given to R as it stands; what differs comes as arguments, which R never reads as code.
_INSTALL = r"""
args <- commandArgs(trailingOnly = TRUE)
library_folder <- args[1]
.libPaths(c(library_folder, .libPaths()))
options(repos = c(CRAN = args[2]), warn = 1, Ncpus = 2L)
need <- function(name) if (!requireNamespace(name, quietly = TRUE)) install.packages(name, lib = library_folder)
for (number in seq(3, length(args), by = 4)) {
  kind <- args[number]; what <- args[number + 1]; version <- args[number + 2]; place <- args[number + 3]
  repos <- if (nzchar(place)) c(CRAN = place) else getOption("repos")
  if (kind == "cran" && nzchar(version)) {
    need("remotes")
    remotes::install_version(what, version, lib = library_folder, repos = repos, upgrade = "never")
  } else if (kind == "cran") {
    if (!requireNamespace(what, quietly = TRUE)) install.packages(what, lib = library_folder, repos = repos)
  } else if (kind == "github") {
    need("remotes")
    remotes::install_github(what, lib = library_folder, upgrade = "never")
  } else if (kind == "bioconductor") {
    need("BiocManager")
    BiocManager::install(what, lib = library_folder, update = FALSE, ask = FALSE)
  } else {
    install.packages(what, lib = library_folder, repos = NULL)
  }
  if (kind %in% c("cran", "bioconductor") && !requireNamespace(what, quietly = TRUE)) {
    stop("the package ", what, " cannot be loaded")
  }
}
"""


def prepare(settings: Mapping[str, Any], variables: Mapping[str, str], note: Callable[[str], None]) -> Dict[str, str]:
    """Have the packages; the variables by which R finds them.

    :param settings: ``StepSpec.r``; :param variables: those of the step.
    :raises StepFailure: ``environment``, when there is no R, or a package cannot be had.
    """
    path = variables.get("PATH", os.defpath)
    program = shutil.which(settings["program"], path=path)
    if program is None:
        raise StepFailure(
            "environment",
            f"The step's environment has no {settings['program']}. Expected R on the machine or in the image that the "
            "step runs on; environment.r.rscript_path says where it lies.",
        )
    if not settings["packages"]:
        return {}
    folder = _folder(program, settings)
    with _alone(folder):
        if not os.path.exists(os.path.join(folder, "complete")):
            _install(program, folder, settings, variables, note)
    own = variables.get("R_LIBS", "")
    return {"R_LIBS": os.pathsep.join(filter(None, [folder, own]))}


def _folder(program: str, settings: Mapping[str, Any]) -> str:
    version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    key = digest_of([os.path.realpath(program), version.stdout.decode("utf-8", "replace"), dict(settings)])
    return os.path.join(home(), "environments", "r", key[:32])


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(
    program: str, folder: str, settings: Mapping[str, Any], variables: Mapping[str, str], note: Callable[[str], None]
) -> None:
    names = ", ".join(item[1] for item in settings["packages"])
    note(f"Installing the R packages {names}.")
    repository = variables.get("MLSTEPS_CRAN") or settings.get("repository") or CRAN
    words: List[str] = [text for item in settings["packages"] for text in item]
    command = [program, "--vanilla", "-e", _INSTALL, folder, repository, *words]
    done = subprocess.run(
        command, env=dict(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        tail = "\n".join(text.splitlines()[-30:])
        raise StepFailure("environment", f"The R packages {names} could not be installed from {repository}.", tail)
    with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
        pass
