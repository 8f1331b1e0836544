"""``RunDetails(run).show()``: a run as it goes on; lines in a terminal, a table in a notebook."""

from __future__ import annotations

import html
import sys
import time
from typing import Any, Iterator, NamedTuple

_TERMINAL = ("Completed", "Finished", "Failed", "Canceled")
#: Seconds between looks at a run.
_PAUSE = 0.5
_COLORS = {"Completed": "#107c10", "Finished": "#107c10", "Failed": "#d13438", "Running": "#0078d4"}


class Row(NamedTuple):
    """One line of the view: a step, or the run itself."""

    run_id: str
    name: str
    status: str
    seconds: float | None


class RunDetails:
    """A view of a run (SDK: ``azureml.widgets.RunDetails``).

    :param run_instance: any run of the SDK.
    """

    def __init__(self, run_instance: Any) -> None:
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """In a notebook a table of the run as it stands, at once. In a terminal a line for each change, until the run
        has ended; elsewhere the lines as they stand."""
        if _in_notebook():
            _display(self._html())
        elif sys.stdout.isatty():
            self._follow()
        else:
            print("\n".join(_line(row) for row in self._rows()))

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """The view as data: ``{"run_id":, "status":, "children": [{"run_id":, "name":, "status":, "duration":}]}``;
        the duration is in seconds."""
        first, *others = self._rows()
        children = [
            {"run_id": row.run_id, "name": row.name, "status": row.status, "duration": row.seconds} for row in others
        ]
        return {"run_id": first.run_id, "status": first.status, "children": children}

    def _follow(self) -> None:
        shown: dict[str, str] = {}
        while True:
            first, *others = self._rows()
            # The run itself comes last, so that its end is the last line.
            for row in (*others, first):
                if shown.get(row.run_id) != row.status:
                    shown[row.run_id] = row.status
                    print(_line(row), flush=True)
            if first.status in _TERMINAL:
                return
            time.sleep(_PAUSE)

    def _rows(self) -> Iterator[Row]:
        # The run's own status is read first: once it is terminal, all that its children did is there to be read.
        yield _row(self._run)
        for child in self._run.get_children():
            yield _row(child)

    def _html(self) -> str:
        cells = []
        for row in self._rows():
            color = _COLORS.get(row.status, "inherit")
            cells.append(
                f"<tr><td>{html.escape(row.name)}</td><td style='color:{color}'>{html.escape(row.status)}</td>"
                f"<td>{_duration(row.seconds)}</td></tr>"
            )
        head = "<tr><th>Name</th><th>Status</th><th>Duration</th></tr>"
        return f"<table>{head}{''.join(cells)}</table><p>Run {html.escape(self._run.id)}</p>"


def _row(run: Any) -> Row:
    state = run._state() if hasattr(run, "_state") else None
    started, ended = (state.started, state.ended) if state is not None else (None, None)
    seconds = None if started is None else float((ended or time.time()) - started)
    return Row(run.id, str(run.display_name), str(run.get_status()), seconds)


def _line(row: Row) -> str:
    return f"{row.status:<12} {row.name} {_duration(row.seconds)}".rstrip()


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _in_notebook() -> bool:
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return shell is not None and hasattr(shell, "kernel")


def _display(text: str) -> None:
    from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

    display(HTML(text))
