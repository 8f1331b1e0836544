"""`python -m benchmarks [name ...]`: one JSON line each, both figures and their ratio."""

from __future__ import annotations

import subprocess
import sys

NAMES = ["import_time", "hashing", "compile_dag", "scheduled", "transfer", "mount", "tables", "dag_processor", "submit"]
NAMES += ["environments", "container", "transfer_stores"]


def main(names: list[str]) -> int:
    """Each in a process of its own: Airflow is configured once a process."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"Unknown benchmarks {unknown}; there are {NAMES}.", file=sys.stderr)
        return 2
    codes = [subprocess.call([sys.executable, "-m", f"benchmarks.{name}"]) for name in names or NAMES]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
