"""Which pip package a conda package is, and which have none."""

from __future__ import annotations

#: conda name -> pip name, where they differ. Every name not listed in this module is the same in both worlds.
RENAMED = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "torchvision-cpu": "torchvision",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "tensorflow-base": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "tensorflow-eigen": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "keras-gpu": "keras",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "dask-core": "dask",
    "numpy-base": "numpy",
    "pytables": "tables",
    "psycopg2": "psycopg2-binary",
    "python-graphviz": "graphviz",
    "python-blosc": "blosc",
    "python-snappy": "python-snappy",
    "msgpack-python": "msgpack",
    "ruamel_yaml": "ruamel.yaml",
    "importlib_metadata": "importlib-metadata",
    "typing_extensions": "typing-extensions",
    "jpype1": "JPype1",
    "pyqt": "PyQt5",
    "pysoundfile": "soundfile",
    "python-levenshtein": "Levenshtein",
    "lightgbm-cpu": "lightgbm",
}

_BUNDLED = """
_libgcc_mutex _openmp_mutex _py-xgboost-mutex _tflow_select blas bzip2 ca-certificates cpuonly freetype intel-openmp
jpeg lcms2 ld_impl_linux-64 libblas libcblas libffi libgcc-ng libgfortran-ng libgomp liblapack libopenblas libpng
libprotobuf libstdcxx-ng libtiff libuv libwebp libxgboost llvm-openmp lz4-c mkl_fft mkl_random mkl-service ncurses
nomkl openssl python_abi pytorch-mutex readline sqlite tk tzdata xz zlib zstd
"""
#: Libraries that pip's wheels carry inside themselves, and settings that only conda knows: left out, with a note.
BUNDLED = frozenset(_BUNDLED.split())

_CUDA = "leave it out: the wheels of torch and tensorflow bring the CUDA libraries they need"
_MACHINE = (
    "leave it out and install it on the machine, or use user_managed_dependencies with an interpreter that has it"
)

_SYSTEM = """
ffmpeg gcc gcc_linux-64 gdal git graphviz gxx gxx_linux-64 java-jdk libgdal libpq make maven mpi mpich nodejs openjdk
openmpi openmpi-mpicc poppler r r-base r-essentials sox swig tesseract unixodbc
"""
#: conda name -> how to mend it. Nothing on a package index stands for these.
REFUSED = {
    **{
        name: _CUDA
        for name in ("cudatoolkit", "cudatoolkit-dev", "cuda", "cuda-toolkit", "cudnn", "nccl", "pytorch-cuda")
    },
    **{name: _MACHINE for name in _SYSTEM.split()},
}


def mend(name: str) -> str | None:
    """How to mend a specification that names this package, or None when it can be had from pip."""
    if name.startswith("r-"):
        return REFUSED["r-base"]
    return REFUSED.get(name)
