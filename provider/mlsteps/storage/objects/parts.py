"""What a service has for large objects that are sent in parts, by whatever requests. Parts count from 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Dict, Mapping, NamedTuple


class Part(NamedTuple):
    """A part that the service holds: its size in bytes, and what it is named by at the end."""

    size: int
    tag: str


class Parts(ABC):
    """Uploads to one account. ``at`` is a bucket or container, a slash, and the object's name. Safe for threads."""

    @abstractmethod
    def begin(self, at: str, key: str) -> str:
        """A new upload; what it is called. ``key`` names the content that it is for."""

    @abstractmethod
    def parts(self, at: str, upload: str) -> Dict[int, Part] | None:
        """The parts that have arrived, by number; None when there is no such upload any more."""

    @abstractmethod
    def put(self, at: str, upload: str, number: int, data: Any) -> Part:
        """Send a part. One of the same number and content takes its place."""

    @abstractmethod
    def holds(self, part: Part, data: Any) -> bool:
        """Whether a part that has arrived is this content."""

    @abstractmethod
    def finish(self, at: str, upload: str, parts: Mapping[int, Part]) -> str:
        """Make or replace the object with these parts; its etag."""

    @abstractmethod
    def give_up(self, at: str, upload: str) -> None:
        """Let go of an upload and its parts; one that is not there is fine."""
