"""Container ids."""

from __future__ import annotations

import os
import re

from layerctl.errors import UsageError
from layerctl.values import frozen

_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")


@frozen(order=True)
class ContainerId:
    """The name of a container: unique in its runtime's state directory, and safe as a file and a host name.

    Attributes:
        name: 1 to 63 of ``A-Z a-z 0-9 _ . -``, starting with a letter or digit. Runtimes take more, Linux host names
            do not (``uname(2)``: 64 bytes).
    """

    name: str

    def __post_init__(self) -> None:
        if not _VALID.match(self.name):
            raise UsageError(f"not a container name: {self.name!r}", hint="use letters, digits, '_', '.' and '-'")

    @classmethod
    def random(cls) -> ContainerId:
        """A new id: twelve hex digits, as Docker's short ids."""
        return cls(os.urandom(6).hex())

    def __str__(self) -> str:
        return self.name
