"""What the harness knows of single rows: what to supply, and what must come out."""

from __future__ import annotations

from tests.acceptance.harness import Row
from tests.acceptance.rows import batches, datasets, first_steps, published, services

#: Rows by id.
ROWS: dict[str, Row] = {**first_steps.ROWS, **datasets.ROWS, **services.ROWS, **batches.ROWS, **published.ROWS}


def row_of(id: str) -> Row:
    """What is known of a row; nothing for one that the harness has not met."""
    return ROWS.get(id) or Row()
