"""Logging of metrics, the same for runs in a workspace and offline ones."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any, Iterable, Mapping

from mlsteps.errors import InvalidInput

#: Kinds of metrics, as events name them.
SCALAR, LIST, ROW, TABLE, IMAGE = "scalar", "list", "row", "table", "image"


class MetricLogging:
    """The ``log...`` methods of a run (SDK: ``azureml.core.Run``). Values may be numbers of numpy or torch."""

    def _emit(self, name: str, value: Any, kind: str, description: str | None, step: int | None = None) -> None:
        raise NotImplementedError

    def _keep_image(self, file: str, artifact: str) -> str:
        """Keep an image file as an artifact; answers what stands for it among the metrics."""
        raise NotImplementedError

    def log(self, name: str, value: Any, description: str | None = "", step: int | None = None) -> None:
        """Log a number or a text; logging a name again makes a list.

        :param step: the x value; give it for all values of a name or for none.
        """
        cell = plain_value(value)
        if isinstance(cell, Mapping):
            self._emit(name, cell, TABLE, description)
        else:
            self._emit(name, cell, LIST if isinstance(cell, list) else SCALAR, description, step)

    def log_list(self, name: str, value: Iterable[Any], description: str | None = "") -> None:
        """Log a list of values."""
        if isinstance(value, (str, bytes, Mapping)):
            raise InvalidInput(f"The metric {name!r} is {value!r}", expected="a list of numbers or texts")
        cells = plain_value(value)
        if not isinstance(cells, list):
            raise InvalidInput(f"The metric {name!r} is {value!r}", expected="a list of numbers or texts")
        self._emit(name, cells, LIST, description)

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        """Log one row of a table; the keyword arguments are its columns."""
        if not kwargs:
            raise InvalidInput(f"The row {name!r} has no columns", expected="keyword arguments, one a column")
        self._emit(name, plain_value(kwargs), ROW, description)

    def log_table(self, name: str, value: Mapping[str, Any], description: str | None = "") -> None:
        """Log a table: a mapping of columns to a value or a list of values."""
        if not isinstance(value, Mapping):
            raise InvalidInput(f"The table {name!r} is {type(value).__name__}", expected="a dict of columns")
        self._emit(name, plain_value(value), TABLE, description)

    def log_image(self, name: str, path: str | None = None, plot: Any = None, description: str | None = "") -> None:
        """Log an image file, or a matplotlib plot or figure, one of them.

        :raises InvalidInput: for both, neither, or a file that does not exist.
        """
        if (path is None) == (plot is None):
            raise InvalidInput(
                f"The image {name!r} is given by path={path!r} and plot={plot!r}", expected="one of them"
            )
        stem = re.sub(r"[^\w.-]+", "_", str(name)).strip("._") or "image"
        if path is not None:
            if not os.path.isfile(path):
                raise InvalidInput(f"The image {name!r} should be at {path!r}, where there is no file")
            ending = os.path.splitext(path)[1] or ".png"
            self._emit(name, self._keep_image(path, f"{stem}_{_stamp()}{ending}"), IMAGE, description)
            return
        if not hasattr(plot, "savefig"):
            raise InvalidInput(f"The plot {plot!r} cannot be saved", expected="matplotlib.pyplot or a figure")
        import tempfile  # here, because a step imports this module on its way to the first log line

        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, f"{stem}_{_stamp()}.png")
            plot.savefig(file, format="png")
            self._emit(name, self._keep_image(file, os.path.basename(file)), IMAGE, description)

    def log_confusion_matrix(self, name: str, value: Any, description: str | None = "") -> None:
        """Log a confusion matrix: a dict, or JSON text, with ``schema_type``, ``schema_version`` and ``data``."""
        self._emit(name, chart_value(name, value), "confusion_matrix", description)

    def log_accuracy_table(self, name: str, value: Any, description: str | None = "") -> None:
        """Log an accuracy table, given as for :meth:`log_confusion_matrix`."""
        self._emit(name, chart_value(name, value), "accuracy_table", description)

    def log_residuals(self, name: str, value: Any, description: str | None = "") -> None:
        """Log residuals, given as for :meth:`log_confusion_matrix`."""
        self._emit(name, chart_value(name, value), "residuals", description)

    def log_predictions(self, name: str, value: Any, description: str | None = "") -> None:
        """Log predictions, given as for :meth:`log_confusion_matrix`."""
        self._emit(name, chart_value(name, value), "predictions", description)


def plain_value(value: Any) -> Any:
    """JSON data for a logged value; numbers and arrays of numpy, pandas and torch become Python's, all else text."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        # numpy's float64 is a float; JSON wants the plain one.
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return plain_value(convert())
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Iterable):
        return [plain_value(item) for item in value]
    return str(value)


def chart_value(name: str, value: Any) -> Any:
    """The data of a chart that is given as a mapping or as JSON text."""
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidInput(f"The metric {name!r} is text that is not valid JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise InvalidInput(f"The metric {name!r} is {value!r}", expected="a dict, or JSON text of one")
    return plain_value(value)


def _stamp() -> str:
    return str(time.time_ns() // 1_000_000)
