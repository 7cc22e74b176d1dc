"""The OCI image config: immutable, unknown fields kept.

Source: OCI image-spec, ``config.md``.
"""

from __future__ import annotations

import copy
import json
import platform
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from layerctl.errors import UsageError
from layerctl.values import frozen

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@frozen
class ImageConfig:
    """One image config. Treat ``raw`` as read-only; every change returns a new value.

    Attributes:
        raw: the whole JSON document.
    """

    raw: Mapping[str, Any]

    @classmethod
    def empty(cls) -> ImageConfig:
        """The config of a rootfs that came without one, for this machine's platform."""
        machine = platform.machine()
        return cls({"architecture": _ARCHITECTURES.get(machine, machine), "os": "linux", "config": {}})

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageConfig:
        """Parses a JSON document.

        Raises:
            UsageError: it is not a JSON object.
        """
        try:
            raw = json.loads(data)
        except ValueError as exc:
            raise UsageError(f"image config is not JSON: {exc}") from exc
        if not isinstance(raw, dict):
            raise UsageError("image config is not a JSON object")
        return cls(raw)

    def to_bytes(self) -> bytes:
        """Deterministic JSON: sorted keys, one trailing newline."""
        return json.dumps(self.raw, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"

    def _process(self) -> Mapping[str, Any]:
        return self.raw.get("config") or {}

    @property
    def env(self) -> tuple[str, ...]:
        """``NAME=value`` pairs."""
        return tuple(self._process().get("Env") or ())

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """What every command is an argument of, if set."""
        return tuple(self._process().get("Entrypoint") or ())

    @property
    def cmd(self) -> tuple[str, ...]:
        """The default command or the default arguments of the entrypoint."""
        return tuple(self._process().get("Cmd") or ())

    @property
    def workdir(self) -> str:
        """Where a command starts; ``/`` by default."""
        return self._process().get("WorkingDir") or "/"

    @property
    def user(self) -> str:
        """``user[:group]``, names or numbers; empty for root."""
        return self._process().get("User") or ""

    @property
    def volumes(self) -> tuple[str, ...]:
        """Paths declared as volumes, sorted."""
        return tuple(sorted(self._process().get("Volumes") or ()))

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels by name."""
        return self._process().get("Labels") or {}

    def with_process(self, key: str, value: Any) -> ImageConfig:
        """A copy with one field of the inner ``config`` object replaced."""
        raw = copy.deepcopy(dict(self.raw))
        raw["config"] = {**(raw.get("config") or {}), key: value}
        return ImageConfig(raw)

    def with_change(self, instruction: str) -> ImageConfig:
        """Applies one Dockerfile instruction, as ``docker commit --change`` does.

        Args:
            instruction: ``CMD``, ``ENTRYPOINT``, ``ENV``, ``EXPOSE``, ``LABEL``, ``STOPSIGNAL``, ``USER``, ``VOLUME``
                or ``WORKDIR`` with its arguments.

        Raises:
            UsageError: the instruction is unknown or malformed.
        """
        word, _, rest = instruction.strip().partition(" ")
        handler = _INSTRUCTIONS.get(word.upper())
        rest = rest.strip()
        if handler is None:
            raise UsageError(
                f"cannot apply the change {instruction!r}",
                hint="known instructions: " + ", ".join(sorted(_INSTRUCTIONS)),
            )
        if not rest:
            raise UsageError(f"the change {instruction!r} has no value", hint="for example --change 'ENV LANG=C.UTF-8'")
        return handler(self, rest)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise UsageError(f"cannot read {text!r}: {exc}") from exc


def _pairs(text: str, what: str) -> dict[str, str]:
    words = _words(text)
    if words and "=" not in words[0]:
        key, _, value = text.partition(" ")
        if not value.strip():
            raise UsageError(f"{what} needs NAME=value, not {text!r}")
        return {key: value.strip()}
    out = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{what} needs NAME=value, not {word!r}")
        out[key] = value
    return out


def _argv(text: str) -> list[str]:
    if text.startswith("["):
        try:
            value = json.loads(text)
        except ValueError as exc:
            raise UsageError(f"not a JSON array of strings: {text!r}") from exc
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise UsageError(f"not a JSON array of strings: {text!r}")
        return value
    return ["/bin/sh", "-c", text]


def _env(config: ImageConfig, text: str) -> ImageConfig:
    pairs = dict(item.partition("=")[::2] for item in config.env)
    pairs.update(_pairs(text, "ENV"))
    return config.with_process("Env", [f"{key}={value}" for key, value in pairs.items()])


def _label(config: ImageConfig, text: str) -> ImageConfig:
    return config.with_process("Labels", {**config.labels, **_pairs(text, "LABEL")})


def _add_keys(config: ImageConfig, field: str, keys: list[str]) -> ImageConfig:
    return config.with_process(field, {**(config._process().get(field) or {}), **{key: {} for key in keys}})


def _expose(config: ImageConfig, text: str) -> ImageConfig:
    ports = [port if "/" in port else f"{port}/tcp" for port in _words(text)]
    return _add_keys(config, "ExposedPorts", ports)


def _volume(config: ImageConfig, text: str) -> ImageConfig:
    return _add_keys(config, "Volumes", _argv(text) if text.startswith("[") else _words(text))


def _workdir(config: ImageConfig, text: str) -> ImageConfig:
    base = "" if text.startswith("/") else config.workdir.rstrip("/") + "/"
    return config.with_process("WorkingDir", base + text)


_INSTRUCTIONS: dict[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "CMD": lambda config, text: config.with_process("Cmd", _argv(text)),
    "ENTRYPOINT": lambda config, text: config.with_process("Entrypoint", _argv(text)),
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "STOPSIGNAL": lambda config, text: config.with_process("StopSignal", text),
    "USER": lambda config, text: config.with_process("User", text),
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
