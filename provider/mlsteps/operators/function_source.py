"""The source of a function that runs as a step: by itself, without the DAG file that it is written in."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import os
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput
from mlsteps.registry.workspaces import home
from mlsteps.runner.function import FUNCTION, SCRIPT

SCRIPT_NAME = "step.py"
_KNOWN = {*dir(builtins), "__file__"}
#: Annotations are not evaluated: the names in them need not be there.
_HEAD = "from __future__ import annotations\n\n\n"


def source_of(function: Callable[..., Any]) -> str:
    """The function's source as it is written, without decorators.

    :raises InvalidInput: when it cannot be had: a lambda, or a function that was typed into a prompt.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise InvalidInput(f"The source of {function!r} cannot be read", expected="a function in a file") from error
    definition = next((node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)), None)
    if definition is None:
        raise InvalidInput(f"{function.__name__!r} is no plain function", expected="def, not async def and no lambda")
    return "\n".join(text.splitlines()[definition.lineno - 1 : definition.end_lineno]) + "\n"


def check(function: Callable[..., Any]) -> None:
    """Whether the function can run by itself.

    :raises InvalidInput: names what it takes from around it.
    """
    source = source_of(function)
    code = function.__code__
    if inspect.isgeneratorfunction(function):
        raise _refused(function, "yields", "a function that returns")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _refused(function, f"has the parameter {parameter}", "parameters that have names")
    around = sorted({*_global_names(code), *_names_of_defaults(source)} - _KNOWN - {function.__name__})
    around += sorted(code.co_freevars)
    if around:
        raise _refused(
            function,
            f"uses {', '.join(map(repr, around))} of its DAG file",
            "a function that is whole by itself: it runs in another process, often on another machine",
            "import inside the function, and pass values as arguments",
        )


def folder_of(function: Callable[..., Any]) -> str:
    """A folder with the function, for a snapshot. Found by its content: an unchanged function is not written again."""
    source = _HEAD + source_of(function)
    folder = os.path.join(home(), "cache", "functions", digest_of([SCRIPT, source])[:32])
    os.makedirs(folder, exist_ok=True)
    for name, text in ((SCRIPT_NAME, SCRIPT), (FUNCTION, source)):
        _write(os.path.join(folder, name), text)
    return folder


def _write(path: str, text: str) -> None:
    """Whole or not at all; other tasks may write the same at the same time."""
    if os.path.exists(path):
        return
    partial = f"{path}.{os.getpid()}.mlsteps-tmp"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, path)


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _names_of_defaults(source: str) -> Iterator[str]:
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    for default in [*definition.args.defaults, *filter(None, definition.args.kw_defaults)]:
        for node in ast.walk(default):
            if isinstance(node, ast.Name):
                yield node.id


def _refused(function: Callable[..., Any], what: str, expected: str, mend: str = "") -> InvalidInput:
    return InvalidInput(f"The function {function.__name__!r} {what}", expected=expected, mend=mend)
