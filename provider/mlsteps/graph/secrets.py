"""Texts that look like secrets. A graph is stored, shown and logged: nothing in it may open a door."""

from __future__ import annotations

import re

_SHAPES = (
    (r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----", "a private key"),
    (r"(?i)\b(?:Account|SharedAccess)Key\s*=\s*[A-Za-z0-9+/]{16,}", "an account key"),
    (r"(?i)[?&;]sig=[A-Za-z0-9%+/=]{16,}", "a shared access signature"),
    (r"(?i)^sig=[A-Za-z0-9%+/=]{16,}", "a shared access signature"),
    (r"(?i)\bSharedAccessSignature\s*=", "a shared access signature"),
    (r"(?i)\b(?:Password|Pwd)\s*=\s*[^;{$\s]{4,}\s*(?:;|$)", "a connection string with a password"),
    (r"(?i)\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@{$]{3,}@", "an address with a password"),
    (r"\bAKIA[0-9A-Z]{16}\b", "an AWS access key"),
    (r"\bgh[pousr]_[A-Za-z0-9]{36,}\b", "a GitHub token"),
    (r"\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}", "a signed token"),
    (r"^(?=[A-Za-z0-9+/]*[0-9+/])(?=[A-Za-z0-9+/]*[A-Z])[A-Za-z0-9+/]{86}==$", "a storage account key"),
)
_ANY = re.compile("|".join(f"({shape})" for shape, _ in _SHAPES if "(?i)" not in shape))
_ANY_CASE = re.compile("|".join(f"({shape.replace('(?i)', '')})" for shape, _ in _SHAPES if "(?i)" in shape), re.I)
_WORDS = [word for shape, word in _SHAPES if "(?i)" not in shape]
_WORDS_ANY_CASE = [word for shape, word in _SHAPES if "(?i)" in shape]
#: Every shape above holds one of these; most texts hold none, and so cost next to nothing.
_HINT = re.compile(r"=|://|-----|AKIA|gh[pousr]_|eyJ")

MEND = "keep it in the workspace's keyvault or an Airflow connection and let the script read it with run.get_secret"


def secret_in(text: str) -> str | None:
    """What kind of secret ``text`` seems to hold; None when it looks harmless. The secret itself is never repeated."""
    if len(text) < 8 or not _HINT.search(text):
        return None
    for pattern, words in ((_ANY, _WORDS), (_ANY_CASE, _WORDS_ANY_CASE)):
        found = pattern.search(text)
        if found:
            return words[(found.lastindex or 1) - 1]
    return None
