"""What curated environments are made of: releases of each family, pinned, with the Pythons that have wheels of them.

``tests/components/test_curated.py`` resolves every one of them against the package index of today.
"""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Tuple

#: Minor versions of Python 3 that pins are made for; the first is the oldest that runs a step.
PYTHONS = range(8, 15)


class Stack(NamedTuple):
    """Libraries of one age that work together, and the Pythons (3.x) from ``first`` to ``last`` that have them all."""

    first: int
    last: int
    pins: Mapping[str, str]


def _stack(first: int, last: int, text: str) -> Stack:
    return Stack(first, last, dict(item.split("==") for item in text.split()))  # type: ignore[misc]


_2020 = _stack(8, 8, """
    numpy==1.18.5 pandas==1.1.5 scipy==1.4.1 scikit-learn==0.23.2 joblib==1.1.1 matplotlib==3.3.4 pyarrow==6.0.1
    pillow==9.5.0 python-dateutil==2.8.2""")  # fmt: skip
_2021 = _stack(8, 9, """
    numpy==1.19.5 pandas==1.2.5 scipy==1.6.3 scikit-learn==0.24.2 joblib==1.1.1 matplotlib==3.4.3 pyarrow==6.0.1
    pillow==9.5.0 python-dateutil==2.8.2""")  # fmt: skip
_2022 = _stack(8, 11, """
    numpy==1.23.5 pandas==1.5.3 scipy==1.9.3 scikit-learn==1.1.3 joblib==1.2.0 matplotlib==3.6.3 pyarrow==10.0.1
    pillow==9.5.0 python-dateutil==2.8.2""")  # fmt: skip
_2024 = _stack(9, 12, """
    numpy==1.26.4 pandas==2.2.3 scipy==1.13.1 scikit-learn==1.5.2 joblib==1.4.2 matplotlib==3.9.4 pyarrow==18.1.0
    pillow==11.0.0 python-dateutil==2.9.0.post0""")  # fmt: skip
_2025 = _stack(11, 14, """
    numpy==2.3.5 pandas==2.3.3 scipy==1.16.3 scikit-learn==1.7.2 joblib==1.5.2 matplotlib==3.10.8 pyarrow==22.0.0
    pillow==12.0.0 python-dateutil==2.9.0.post0""")  # fmt: skip


class Release(NamedTuple):
    """One release of a family: a stack, with ``own`` pins beside it or in its stead, for Pythons 3.x up to ``last``."""

    stack: Stack
    own: str = ""
    last: int = 99

    def pins(self) -> Dict[str, str]:
        """Versions by package."""
        return {**self.stack.pins, **dict(item.split("==") for item in self.own.split())}  # type: ignore[arg-type]

    def serves(self, minor: int) -> bool:
        """Whether Python 3.``minor`` can have it."""
        return self.stack.first <= minor <= min(self.last, self.stack.last)


Version = Tuple[int, ...]
Releases = Mapping[Version, Release]

_SKLEARN: Releases = {
    (0, 23): Release(_2020),
    (0, 24): Release(_2021),
    (1, 0): Release(_2022, "scikit-learn==1.0.2", 10),
    (1, 1): Release(_2022),
    (1, 2): Release(_2022, "scikit-learn==1.2.2"),
    (1, 3): Release(_2024, "scikit-learn==1.3.2"),
    (1, 5): Release(_2024),
    (1, 7): Release(_2025),
}
_LIGHTGBM: Releases = {
    (3, 2): Release(_2021, "lightgbm==3.2.1"),
    (3, 3): Release(_2022, "lightgbm==3.3.5"),
    (4, 5): Release(_2024, "lightgbm==4.5.0"),
    (4, 6): Release(_2025, "lightgbm==4.6.0"),
}
_XGBOOST: Releases = {
    (1, 3): Release(_2021, "xgboost==1.3.3"),
    (1, 7): Release(_2022, "xgboost==1.7.6"),
    (2, 1): Release(_2024, "xgboost==2.1.4"),
    (3, 1): Release(_2025, "xgboost==3.1.2"),
}
_AUTOML: Releases = {
    (1, 0): Release(_2022, "lightgbm==3.3.5 xgboost==1.7.6"),
    (2, 0): Release(_2025, "lightgbm==4.6.0 xgboost==3.1.2"),
}
_PYTORCH: Releases = {
    (1, 4): Release(_2020, "torch==1.4.0 torchvision==0.5.0"),
    (1, 5): Release(_2020, "torch==1.5.1 torchvision==0.6.1"),
    (1, 6): Release(_2020, "torch==1.6.0 torchvision==0.7.0"),
    (1, 7): Release(_2021, "torch==1.7.1 torchvision==0.8.2"),
    (1, 8): Release(_2021, "torch==1.8.1 torchvision==0.9.1"),
    (1, 9): Release(_2021, "torch==1.9.1 torchvision==0.10.1"),
    (1, 10): Release(_2021, "torch==1.10.2 torchvision==0.11.3"),
    (1, 11): Release(_2022, "torch==1.11.0 torchvision==0.12.0", 10),
    (1, 12): Release(_2022, "torch==1.12.1 torchvision==0.13.1", 10),
    (1, 13): Release(_2022, "torch==1.13.1 torchvision==0.14.1", 10),
    (2, 0): Release(_2022, "torch==2.0.1 torchvision==0.15.2"),
    (2, 2): Release(_2024, "torch==2.2.2 torchvision==0.17.2"),
    (2, 5): Release(_2024, "torch==2.5.1 torchvision==0.20.1"),
    (2, 9): Release(_2025, "torch==2.9.1 torchvision==0.24.1"),
}
# Those up to 2.11 take any protobuf by what they say, and fail with the newer ones.
_TENSORFLOW: Releases = {
    (2, 2): Release(_2020, "tensorflow==2.2.3 protobuf==3.19.6"),
    (2, 3): Release(_2020, "tensorflow==2.3.4 protobuf==3.19.6"),
    (2, 4): Release(_2021, "tensorflow==2.4.4 protobuf==3.19.6", 8),
    (2, 5): Release(_2021, "tensorflow==2.5.3 protobuf==3.19.6"),
    (2, 6): Release(_2021, "tensorflow==2.6.5 keras==2.6.0 protobuf==3.19.6"),
    (2, 7): Release(_2021, "tensorflow==2.7.4 keras==2.7.0 protobuf==3.19.6"),
    (2, 8): Release(_2022, "tensorflow==2.8.4 keras==2.8.0 protobuf==3.19.6", 10),
    (2, 9): Release(_2022, "tensorflow==2.9.3 keras==2.9.0 protobuf==3.19.6", 10),
    (2, 10): Release(_2022, "tensorflow==2.10.1 keras==2.10.0 protobuf==3.19.6", 10),
    (2, 11): Release(_2022, "tensorflow==2.11.1 keras==2.11.0 protobuf==3.19.6", 10),
    (2, 12): Release(_2022, "tensorflow==2.12.1 keras==2.12.0"),
    (2, 16): Release(_2024, "tensorflow==2.16.2 keras==3.6.0"),
    (2, 20): Release(_2025, "tensorflow==2.20.0 keras==3.12.0", 13),
}
_ONNX: Releases = {
    (1, 13): Release(_2022, "onnxruntime==1.13.1", 10),
    (1, 19): Release(_2024, "onnxruntime==1.19.2"),
    (1, 23): Release(_2025, "onnxruntime==1.23.2", 13),
}
_DASK: Releases = {
    (2022, 12): Release(_2022, "dask==2022.12.1 distributed==2022.12.1"),
    (2025, 11): Release(_2025, "dask==2025.11.0 distributed==2025.11.0"),
}


class Family(NamedTuple):
    """Environments whose name holds one of ``marks`` (lower case), by the version that stands behind it.

    :param usual: the version where the name says none: of the days of the code that names such an environment.
    """

    marks: Tuple[str, ...]
    releases: Releases
    usual: Version


#: The first family with a mark in the name counts.
FAMILIES = (
    Family(("minimal",), {}, ()),
    Family(("lightgbm",), _LIGHTGBM, (3, 3)),
    Family(("xgboost",), _XGBOOST, (1, 7)),
    Family(("pytorch", "acpt"), _PYTORCH, (1, 13)),
    Family(("tensorflow",), _TENSORFLOW, (2, 12)),
    Family(("onnxruntime",), _ONNX, (1, 13)),
    Family(("dask",), _DASK, (2022, 12)),
    Family(("automl",), _AUTOML, (1, 0)),
    Family(("sklearn", "scikit-learn", "scikitlearn"), _SKLEARN, (1, 1)),
    Family(("tutorial",), _SKLEARN, (1, 1)),
)

#: Names that Azure has or had, as ``Environment.list`` shows them; others of a family resolve as well.
NAMES = (
    "AzureML-ACPT-pytorch-1.13-py38-cuda11.7-gpu",
    "AzureML-AutoML",
    "AzureML-AutoML-DNN",
    "AzureML-AutoML-DNN-GPU",
    "AzureML-AutoML-GPU",
    "AzureML-Dask-CPU",
    "AzureML-Minimal",
    "AzureML-PyTorch-1.4-CPU",
    "AzureML-PyTorch-1.4-GPU",
    "AzureML-PyTorch-1.5-CPU",
    "AzureML-PyTorch-1.5-GPU",
    "AzureML-PyTorch-1.6-CPU",
    "AzureML-PyTorch-1.6-GPU",
    "AzureML-Scikit-learn0.24-Cuda11-OpenMpi4.1.0-py36",
    "AzureML-TensorFlow-2.2-CPU",
    "AzureML-TensorFlow-2.2-GPU",
    "AzureML-TensorFlow-2.3-CPU",
    "AzureML-TensorFlow-2.3-GPU",
    "AzureML-Tutorial",
    "AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu",
    "AzureML-lightgbm-3.3",
    "AzureML-minimal-ubuntu18.04-py37-cpu-inference",
    "AzureML-onnxruntime-1.6-ubuntu18.04-py37-cpu-inference",
    "AzureML-pytorch-1.7-ubuntu18.04-py37-cuda11-gpu",
    "AzureML-pytorch-1.8-ubuntu18.04-py37-cuda11-gpu",
    "AzureML-pytorch-1.9-ubuntu18.04-py37-cuda11-gpu",
    "AzureML-pytorch-1.10-ubuntu18.04-py38-cuda11-gpu",
    "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu",
    "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu",
    "AzureML-sklearn-1.5",
    "AzureML-tensorflow-2.4-ubuntu18.04-py37-cuda11-gpu",
    "AzureML-tensorflow-2.5-ubuntu20.04-py38-cuda11-gpu",
    "AzureML-tensorflow-2.6-ubuntu20.04-py38-cuda11-gpu",
    "AzureML-tensorflow-2.7-ubuntu20.04-py38-cuda11-gpu",
    "AzureML-tensorflow-2.12-cuda11",
    "AzureML-xgboost-0.9-ubuntu18.04-py37-cpu-inference",
)
