"""``python -m mlsteps.compatibility [FILE]``: write the page about every name of the SDK."""

from __future__ import annotations

import sys

from mlsteps.compatibility.page import page

DEFAULT = "docs/compatibility.md"


def main(arguments: list[str]) -> int:
    """Write the page to the file given, by default ``docs/compatibility.md`` below the current folder."""
    file = arguments[0] if arguments else DEFAULT
    text = page()
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(text)
    print(f"{file} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
