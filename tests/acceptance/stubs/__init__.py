"""Stand-ins for packages that cannot be had or would take long: only what step scripts call."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.wheels import make_wheel

_SOURCES = Path(__file__).parent / "sources"
#: Modules for the authoring side: Azure's own services, and data sets that it serves.
AUTHORING_STUBS = Path(__file__).parent / "authoring"
#: Distribution, version, source folder, requirements. A local version wins over the published one of that number.
_WHEELS = (
    ("tensorflow-gpu", "2.6.0+stub", "tensorflow", ("numpy",)),
    ("tensorflow", "2.6.0+stub", "tensorflow", ("numpy",)),
    ("keras", "2.6.0+stub", "", ()),
)


def write_wheels(folder: Path) -> None:
    """Write all stand-ins as wheels; pip and uv find them by ``PIP_FIND_LINKS``."""
    for name, version, source, requires in _WHEELS:
        make_wheel(folder, name, version, {}, requires, _SOURCES / source if source else None)
