"""Platforms of images, and which one of several suits a machine.

Sources: OCI image-spec, ``image-index.md``, "Platform Variants"; containerd's ``platforms`` package for the defaults.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping

from layerctl.errors import SourceNotFound, UsageError
from layerctl.values import frozen

_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "loongarch64": ("loong64", ""),
}
_DEFAULT_VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_VARIANT = re.compile(r"v([0-9]{1,4})(?:\.([0-9]{1,4}))?\Z")


@frozen
class Platform:
    """What an image runs on.

    Attributes:
        os: such as ``linux``.
        architecture: as Go calls it, such as ``amd64``.
        variant: of the architecture, such as ``v7``; empty for the usual one.
    """

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def rank(self, offered: Platform) -> tuple[int, int] | None:
        """How well something offered runs here: the higher the better; None if it does not.

        A machine runs its own variant and all before it.
        """
        if (self.os, self.architecture) != (offered.os, offered.architecture):
            return None
        mine, other = self._version(), offered._version()
        if mine is None or other is None:
            return (0, 0) if self.variant == offered.variant else None
        return other if other <= mine else None

    def _version(self) -> tuple[int, int] | None:
        match = _VARIANT.match(self.variant or _DEFAULT_VARIANTS.get(self.architecture, "v0"))
        return (int(match[1]), int(match[2] or 0)) if match is not None else None


def this_machine() -> Platform:
    """The platform that layerctl runs on."""
    machine = platform.machine()
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """Reads ``os/architecture[/variant]``, or the architecture alone.

    Raises:
        UsageError: it is something else.
    """
    words = text.split("/")
    if len(words) == 1:
        words.insert(0, "linux")
    if len(words) > 3 or not all(words):
        raise UsageError(f"not a platform: {text!r}", hint="for example linux/arm64 or linux/arm/v7")
    return Platform(*words)


def best(wanted: Platform, offers: Iterable[Platform]) -> Platform | None:
    """The offer that suits best, the first of equals; None if none does."""
    ranked = [(rank, offer) for offer in offers if (rank := wanted.rank(offer)) is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def check_platform(config: Mapping[str, object], wanted: Platform | None) -> None:
    """Makes sure that an image is for the platform that was asked for, if one was.

    Raises:
        SourceNotFound: it is for another one.
    """
    offered = Platform(str(config.get("os")), str(config.get("architecture")), str(config.get("variant") or ""))
    if wanted is not None and wanted.rank(offered) is None:
        raise SourceNotFound(f"the image is for {offered}, not for {wanted}")
