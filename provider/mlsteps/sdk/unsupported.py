"""Names of the SDK that mlsteps does not have: they import, and fail when used, saying what to use instead.

Many pipelines import more than they use, so an import must not fail. Calling the name, making an instance of it,
subclassing it or reading an attribute of it is use, and raises :class:`~mlsteps.errors.UnsupportedFeature`.
``isinstance(x, name)`` and ``except name`` are no use: nothing is ever an instance.
"""

from __future__ import annotations

from typing import Any

from mlsteps.errors import UnsupportedFeature


class _Refusing(type):
    """Metaclass: reading an unknown public attribute of the class is use."""

    _feature: str
    _reason: str
    _alternative: str

    def __getattr__(cls, name: str) -> Any:
        # Private and special names must stay absent: isinstance, copying and inspection ask for them.
        if name.startswith("_"):
            raise AttributeError(name)
        raise refusal(f"{cls._feature}.{name}", cls._reason, cls._alternative)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise refusal(cls._feature, cls._reason, cls._alternative)

    def __repr__(cls) -> str:
        return f"<{cls._feature}: not supported by mlsteps>"


def refusal(feature: str, reason: str, alternative: str) -> UnsupportedFeature:
    """The error that use of ``feature`` raises."""
    return UnsupportedFeature(feature, reason, alternative)


def unsupported(feature: str, reason: str = "", alternative: str = "") -> type:
    """A class that stands for ``feature`` and refuses every use of it.

    :param feature: the SDK's full name, ``azureml.opendatasets.MNIST``.
    :param reason: why mlsteps does not have it.
    :param alternative: what to use in its place.
    """

    def refuse_subclass(*args: Any, **kwargs: Any) -> None:
        raise refusal(feature, reason, alternative)

    body = {
        "__doc__": f"{feature} is not supported by mlsteps.",
        "__module__": feature.rpartition(".")[0],
        "__init_subclass__": classmethod(refuse_subclass),
        "_feature": feature,
        "_reason": reason,
        "_alternative": alternative,
    }
    return _Refusing(feature.rpartition(".")[2], (), body)


def refuse(feature: str, reason: str = "", alternative: str = "") -> Any:
    """Raise the refusal of ``feature``; for bodies of methods that mlsteps does not have."""
    raise refusal(feature, reason, alternative)
