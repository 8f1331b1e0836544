"""What the pipelines of the acceptance set find around them: an authoring environment, servers, stand-in packages."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlsteps.environments import uv_tool
from tests.acceptance.proxy import Proxy
from tests.acceptance.stubs import AUTHORING_STUBS, write_wheels

#: Libraries of the age the sources were written in, for the authoring side; all have wheels for Python 3.11.
AUTHORING = (
    "numpy==1.23.5",
    "pandas==1.5.3",
    "scikit-learn==1.1.3",
    "pyarrow==14.0.2",
    "matplotlib<3.8",
    "seaborn<0.13",
    "python-dotenv",
    "requests",
    "ipython",
    "azure-storage-blob",
    "adlfs",  # of the extra `azure`: rows read public containers
)
#: Versions for the steps, as a user's constraints file: what the sources name without a version is of their own age.
CONSTRAINTS = ("numpy<1.24", "pandas<2", "scikit-learn<1.2", "matplotlib<3.8")
_HOLD = """
import sys
from mlsteps.client.embedded import embedded
held = embedded()
print("ready", flush=True)
sys.stdin.read()
held.leave()
"""


class Surroundings:
    """One for all rows of a session.

    :param place: a folder of its own; what is expensive to make is found again there by the next session.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.web = place / "web"
        self.web.mkdir(parents=True, exist_ok=True)
        self.proxy = Proxy(self.web, place / "certificates")
        write_wheels(place / "wheels")
        self.constraints = place / "constraints.txt"
        self.constraints.write_text("\n".join(CONSTRAINTS) + "\n")
        self.python = self._authoring_environment()
        self._server: subprocess.Popen[str] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The variables of scripts, of the embedded Airflow and of its steps."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MLSTEPS", "PYTEST"))
        }
        kept.pop("PYTHONPATH", None)
        finds = [str(self.place / "wheels"), os.environ.get("PIP_FIND_LINKS", "")]
        return {
            **kept,
            **self.proxy.environ,
            "MLSTEPS_HOME": str(self.place / "home"),
            "PIP_FIND_LINKS": " ".join(filter(None, finds)),
            "PIP_CONSTRAINT": str(self.constraints),
            "MPLBACKEND": "agg",
            "PYTHONWARNINGS": "ignore",
        }

    @contextmanager
    def as_own(self, more: Mapping[str, str] | None = None) -> Iterator[None]:
        """This process with the variables of the scripts, and ``more``."""
        before = dict(os.environ)
        os.environ.update({**self.environ, **(more or {})})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def start_server(self) -> None:
        """Keep the embedded Airflow alive between rows; each script would start one of its own otherwise."""
        if self._server is None:
            self._server = subprocess.Popen(
                [self.python, "-c", _HOLD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self.environ,
                cwd=self.place,
                text=True,
            )
            assert self._server.stdout is not None
            assert self._server.stdout.readline() == "ready\n", "the embedded Airflow did not start"

    def close(self) -> None:
        """End the server and the proxy."""
        if self._server is not None:
            self._server.communicate("", timeout=120)
        self.proxy.close()

    def _authoring_environment(self) -> str:
        """A virtual environment with :data:`AUTHORING` before everything that these tests run with."""
        folder = self.place / "authoring"
        python, marker = folder / "bin" / "python", folder / "complete"
        stand_ins = sorted(AUTHORING_STUBS.rglob("*.py"))
        wanted = "\n".join([*AUTHORING, *(path.read_text() for path in stand_ins)])
        if marker.exists() and marker.read_text() == wanted:
            return str(python)
        _uv("venv", "--no-project", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--python", str(python), *AUTHORING)
        packages = next(folder.glob("lib/python3*/site-packages"))
        below = site.getsitepackages()[0]
        (packages / "zz_project.pth").write_text(f"import site; site.addsitedir({below!r})\n")
        shutil.copytree(AUTHORING_STUBS, packages, dirs_exist_ok=True)
        (packages / "zz_stand_ins.pth").write_text("import acceptance_stand_ins\n")
        marker.write_text(wanted)
        return str(python)


def _uv(*arguments: str) -> None:
    answer = uv_tool.run(arguments, timeout=900)
    assert answer.code == 0, answer.errors
