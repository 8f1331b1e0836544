"""YAML for the few SDK calls that need it, loaded when called: a step's environment need not have PyYAML."""

from __future__ import annotations

from typing import Any

from mlsteps.errors import InvalidInput, UserErrorException


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UserErrorException(
            "This call reads or writes YAML, and the Python environment at hand has no PyYAML. "
            "To mend it: add 'pyyaml' to the environment's pip packages."
        ) from error
    return yaml


def load_yaml(text: str, what: str) -> Any:
    """The data in a YAML text.

    :param what: names the text in errors, for instance its file.
    :raises InvalidInput: when it is no YAML.
    """
    yaml = _yaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(f"{what} is not valid YAML: {error}", expected="a YAML document") from error


def load_yaml_file(path: str) -> Any:
    """The data in a YAML file.

    :raises UserErrorException: when the file cannot be read; :raises InvalidInput: when it is no YAML.
    """
    return load_yaml(read_text(path), path)


def read_text(path: str) -> str:
    """A text file's content, UTF-8 with or without a byte order mark.

    :raises UserErrorException: when the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return stream.read()
    except OSError as error:
        raise UserErrorException(f"Cannot read {path}: {error.strerror or error}.") from error


def dump_yaml(data: Any) -> str:
    """YAML in block style, keys in the order given."""
    text: str = _yaml().safe_dump(data, default_flow_style=False, sort_keys=False, allow_unicode=True)
    return text
