"""The scripts that an image's build runs, in the plainest shell there is."""

from __future__ import annotations

import shlex
from typing import Any, Iterable, Mapping

#: Makes the interpreter. ``uv`` of the build's ``interpreter`` folder does it when it starts in this image, else the
#: image's own Python does.
INTERPRETER = """\
#!/bin/sh
# make.sh VERSION strict|near: a virtual environment at /opt/mlsteps/env with Python VERSION ("any": the image's own)
set -e
version=$1
uv=/build/interpreter/uv
python=$(command -v python3 || command -v python || true)
found=none
if [ -n "$python" ]; then
  found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
fi
[ "$version" != any ] || version=$found

make() { # PYTHON
  if "$uv" --version >/dev/null 2>&1; then
    "$uv" venv --no-project --python "$1" /opt/mlsteps/env
  else
    "$1" -m venv /opt/mlsteps/env
  fi
}

if [ "$version" = "$found" ] && [ "$found" != none ]; then
  make "$python"
elif "$uv" --version >/dev/null 2>&1 && "$uv" venv --no-project --python "$version" /opt/mlsteps/env; then
  echo "Python $version was brought into the image."
elif [ "$2" = near ] && [ "$found" != none ]; then
  echo "Python $version cannot be had in this image; its own Python $found is used."
  make "$python"
else
  echo "Python $version cannot be had in this image, which has $found." >&2
  exit 1
fi
# Images often come without compiled files, and every start of a step would compile the library anew.
/opt/mlsteps/env/bin/python -c 'import compileall, re, sysconfig
library = sysconfig.get_path("stdlib")
compileall.compile_dir(library, quiet=2, maxlevels=10, rx=re.compile("/(test|site-packages)/"))' || true
"""

#: Makes an environment of conda packages. ``py-rattler`` of the build's ``conda`` folder does it, in the image's own
#: Python where that is new enough, else in one that ``uv`` brings for as long as it takes.
CONDA = """\
#!/bin/sh
# make.sh: what conda.json says, into /opt/mlsteps/env
set -e
export PYTHONPATH=/build/conda/library PYTHONDONTWRITEBYTECODE=1
export MLSTEPS_CACHE=/build/cache/conda MLSTEPS_CHANNELS=/build/secret/channels.json
uv=/build/interpreter/uv
python=$(command -v python3 || command -v python || true)
if [ -z "$python" ] || ! "$python" -c 'import rattler' 2>/dev/null; then
  echo "The solver does not run in this image's own Python; another is looked for."
  UV_PYTHON_INSTALL_DIR=/tmp/solver/python "$uv" venv --no-project --python '>=3.10' /tmp/solver/env
  python=/tmp/solver/env/bin/python
fi
"$python" /build/conda/conda_install.py /build/conda/conda.json /opt/mlsteps/env /opt/mlsteps/conda-lock.txt
/opt/mlsteps/env/bin/python -c 'import sys; print("Python %d.%d.%d of conda" % sys.version_info[:3])'
rm -rf /tmp/solver
"""

_PACKAGES = """\
#!/bin/sh
# install.sh: what requirements.txt says, and what the build's secret adds to it, into /opt/mlsteps/env
set -e
cd /build/packages
set -- --requirement requirements.txt
[ ! -e /build/secret/indexes.txt ] || set -- "$@" --requirement /build/secret/indexes.txt
[ ! -e constraints.txt ] || set -- "$@" --constraint constraints.txt
uv=/build/interpreter/uv
python=/opt/mlsteps/env/bin/python
if "$uv" --version >/dev/null 2>&1; then
  UV_CACHE_DIR=/build/cache/uv "$uv" --no-progress pip install --python "$python" $UV_FLAGS "$@"
  "$uv" pip freeze --python "$python" >/opt/mlsteps/lock.txt
else
  "$python" -m pip --cache-dir /build/cache/pip install --disable-pip-version-check --progress-bar off $PIP_FLAGS "$@"
  "$python" -m pip freeze >/opt/mlsteps/lock.txt
fi
"""
#: Options of ``uv pip install`` in pip's words.
_IN_PIPS_WORDS = {"--allow-insecure-host": "--trusted-host={}", "--prerelease": "--pre"}


def packages(flags: Iterable[str], settings: Mapping[str, Any]) -> str:
    """The script that installs packages.

    :param flags: options for ``uv pip install``; :param settings: of the machine (:mod:`.machine`).
    """
    given = list(flags)
    uv_flags = ["--index-strategy", "unsafe-best-match", "--compile-bytecode", *given]
    if settings.get("exclude_newer"):
        uv_flags += ["--exclude-newer", str(settings["exclude_newer"])]
    script = _PACKAGES.replace("$UV_FLAGS", shlex.join(uv_flags))
    return script.replace("$PIP_FLAGS ", "".join(f"{shlex.quote(word)} " for word in map(_in_pips_words, given)))


def _in_pips_words(flag: str) -> str:
    name, _, value = flag.partition("=")
    return _IN_PIPS_WORDS.get(name, flag).replace("{}", value)
