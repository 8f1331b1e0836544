"""Names that people give, as names of files: any text, none that leaves its folder."""

from __future__ import annotations

from urllib.parse import quote, unquote

from mlsteps.errors import InvalidInput

_KEPT = " ()+,=@"


def file_name(name: str) -> str:
    """``name`` as one path segment; :func:`name_of` takes it back.

    Letters, digits, ``_``, ``-``, ``.`` and blanks stay readable; all else is percent-encoded, so that no name can
    hold a separator or be ``..``.

    :raises InvalidInput: for an empty name, one that is no text, or one too long for a file system (200 bytes).
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"The name {name!r} is empty", expected="a text with at least one visible character")
    encoded = quote(name, safe=_KEPT, errors="surrogatepass")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if encoded.endswith((".", " ")):  # Windows drops these
        encoded = encoded[:-1] + f"%{ord(encoded[-1]):02X}"
    if len(encoded) > 200:
        raise InvalidInput(f"The name {name[:40]!r}... has {len(encoded)} bytes", expected="at most 200")
    return encoded


def name_of(encoded: str) -> str:
    """The name that :func:`file_name` encoded."""
    return unquote(encoded, errors="surrogatepass")
