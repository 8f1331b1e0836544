"""Write the sample data of ``compare_models`` to the default datastore, once: iris as CSV, digits as images."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import mlsteps.azureml  # noqa: F401
from azureml.core import Workspace

IMAGES = 240  # enough to learn from, few enough to look at


def write(workspace: Workspace) -> None:
    """Upload ``iris/iris.csv`` and ``train-images/*.pgm``; files that are there already stay as they are."""
    try:
        from sklearn.datasets import load_digits, load_iris
    except ImportError:
        raise SystemExit("The sample data comes with scikit-learn: pip install scikit-learn") from None
    store = workspace.get_default_datastore()
    with tempfile.TemporaryDirectory() as folder:
        _write_iris(load_iris(), Path(folder, "iris"))
        _write_images(load_digits(), Path(folder, "train-images"))
        store.upload(folder, target_path=None, overwrite=False, show_progress=False)


def _write_iris(iris, folder: Path) -> None:
    folder.mkdir()
    with (folder / "iris.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "species"])
        rows.writerows(
            [*measures, iris.target_names[kind]] for measures, kind in zip(iris.data, iris.target, strict=True)
        )


def _write_images(digits, folder: Path) -> None:
    """Portable graymaps of 8 x 8 pixels, 0 to 16, named ``<number>-<label>.pgm``."""
    folder.mkdir()
    for number, (image, label) in enumerate(zip(digits.images[:IMAGES], digits.target[:IMAGES], strict=True)):
        pixels = bytes(int(value) for value in image.ravel())
        (folder / f"{number:04d}-{label}.pgm").write_bytes(b"P5\n8 8\n16\n" + pixels)


if __name__ == "__main__":
    write(Workspace.from_config())
    print("Sample data is in the default datastore.")
