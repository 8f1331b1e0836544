"""A conda document as pip requirements: no conda is needed on the machine, and none is used.

The mapping is stated, never guessed: a package with no counterpart on a package index is refused by name, a package
that is left out or replaced is mentioned in ``PipPlan.notes``.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, NamedTuple

from mlsteps.environments import azureml_packages, conda_names, conda_spec, pip_options
from mlsteps.errors import InvalidInput

#: Names that fail on today's index, and what they always stood for.
_PIP_RENAMED = {"sklearn": "scikit-learn"}


class PipPlan(NamedTuple):
    """What to install.

    :param python: the version asked for as a specifier (``==3.8.*``, ``>=3.7,<3.10``); "" for any.
    :param requirements: pip requirements, each once, in the document's order.
    :param lines: option lines for a requirements text; they may hold credentials.
    :param flags: options for uv's command line.
    :param unchanged: conda packages taken to have the same name on the index; named when resolving fails.
    :param notes: what was left out or replaced, for a person.
    :param conda: what :mod:`.conda_solver` installs first, as the document says it; :param channels: from where.
    """

    python: str
    requirements: tuple[str, ...]
    lines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


class _Draft:
    def __init__(self) -> None:
        self.python = ""
        self.requirements: list[str] = []
        self.options: list[pip_options.Option] = []
        self.unchanged: list[str] = []
        self.notes: list[str] = []
        self.refused: list[str] = []
        self.only_defaults = True

    def conda(self, text: str) -> None:
        spec = conda_spec.parse(text)
        if spec.name == "python":
            self.python = spec.version
            return
        self.only_defaults = False
        if conda_names.mend(spec.name) is not None:
            self.refused.append(f"{spec.text!r} ({conda_names.mend(spec.name)})")
        elif spec.name in conda_names.BUNDLED:
            self.notes.append(f"{spec.text}: left out, pip's packages carry it inside")
        else:
            self._conda_requirement(spec)

    def _conda_requirement(self, spec: conda_spec.CondaSpec) -> None:
        if azureml_packages.is_sdk_package(spec.name):
            self.pip(spec.name)
            return
        name = conda_names.RENAMED.get(spec.name, spec.name)
        if name == spec.name:
            self.unchanged.append(name)
        self.requirements.append(name + spec.version)

    def pip(self, line: str) -> None:
        line = re.sub(r"(^|\s+)#.*$", "", line).strip()
        if not line:
            return
        self.only_defaults = self.only_defaults and azureml_packages.is_default(line)
        if pip_options.is_option(line):
            self.options.append(pip_options.parse(line))
        elif azureml_packages.is_sdk_package(line):
            replacement = azureml_packages.replace(line)
            self.requirements.extend(replacement.requirements)
            self.notes.append(replacement.note)
        else:
            self.requirements.append(self._renamed(line))

    def _renamed(self, line: str) -> str:
        name = _PIP_RENAMED.get(azureml_packages.pip_name(line))
        if name is None:
            return line
        self.notes.append(f"{line}: the index has it as {name}, any version")
        return name

    def finish(self) -> PipPlan:
        if self.refused:
            raise InvalidInput(
                f"These conda packages have no counterpart among pip's packages: {'; '.join(self.refused)}"
            )
        return PipPlan(
            python=self.python,
            requirements=tuple(self._bare_names_last_wins()),
            lines=tuple(dict.fromkeys(option.text for option in self.options if option.where == "line")),
            flags=tuple(dict.fromkeys(option.text for option in self.options if option.where == "flag")),
            unchanged=tuple(dict.fromkeys(self.unchanged)),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _bare_names_last_wins(self) -> Iterable[str]:
        """Each requirement once; a bare name that is also there with a version adds nothing."""
        constrained = {azureml_packages.pip_name(item) for item in self.requirements if not _is_bare(item)}
        for item in dict.fromkeys(self.requirements):
            if not (_is_bare(item) and azureml_packages.pip_name(item) in constrained):
                yield item


def _is_bare(requirement: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._-]+", requirement) is not None


def plan(conda: Mapping[str, Any] | None) -> PipPlan:
    """What to install for a conda document (``{"channels": [...], "dependencies": [..., {"pip": [...]}]}``).

    Channels have no meaning for pip and are passed over.

    :raises InvalidInput: naming every package that has no counterpart, each with how to mend it; naming a line that
        cannot be read.
    """
    draft = _Draft()
    for item in (conda or {}).get("dependencies") or []:
        if isinstance(item, Mapping):
            for line in item.get("pip") or []:
                draft.pip(str(line))
        else:
            draft.conda(str(item))
    if draft.only_defaults:
        # Nobody asked for libraries: no index is needed, and a step without imports starts at once.
        draft.requirements = []
    return draft.finish()


def beyond_pip(conda: Mapping[str, Any]) -> dict[str, str]:
    """The conda packages of a document that pip cannot provide or cannot express, each with how to mend it, or ""."""
    found = {}
    for text in (str(item) for item in conda.get("dependencies") or [] if not isinstance(item, Mapping)):
        try:
            mend = conda_names.mend(conda_spec.parse(text).name)
        except InvalidInput:
            mend = ""
        if mend is not None:
            found[text] = mend
    return found
