from __future__ import annotations

from tests.runner.conftest import steps

__all__ = ["steps"]
