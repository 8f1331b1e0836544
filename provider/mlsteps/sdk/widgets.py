"""``RunDetails``: a run as a few lines of text, in a terminal and in a notebook."""

from __future__ import annotations

from typing import Any


class RunDetails:
    """A view of a run (SDK: azureml.widgets).

    :param run_instance: a run, of a pipeline or a script.
    """

    def __init__(self, run_instance: Any) -> None:
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Print the run and its children, as they are now; returns at once, as the SDK's widget does."""
        print("\n".join(self._lines()))

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """What :meth:`show` prints, as data."""
        return {
            "status": self._run.get_status(),
            "run_id": self._run.id,
            "children": [
                {"run_id": child.id, "name": _name(child), "status": child.get_status()}
                for child in self._run.get_children()
            ],
        }

    def _lines(self) -> list[str]:
        data = self.get_widget_data()
        lines = [f"Run {data['run_id']}: {data['status']}"]
        width = max([len(child["name"]) for child in data["children"]] or [0])
        lines += [f"  {child['name']:<{width}}  {child['status']}" for child in data["children"]]
        return lines


def _name(run: Any) -> str:
    return str(getattr(run, "display_name", None) or getattr(run, "name", None) or run.id)
