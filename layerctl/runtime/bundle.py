"""A bundle: the directory that tells a runtime what to run. Source: OCI runtime-spec ``bundle.md``.

::

    <bundle>/
      config.json               the runtime config
      etc/                      hosts, hostname, resolv.conf, bound read-only into the container
      pid                       written by the runtime once the command has started
      log.json                  what the runtime had to say
      stdout.log, stderr.log    of a detached container
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from layerctl.errors import AlreadyExists, UsageError
from layerctl.runtime.cgroups import has_cgroup_namespaces
from layerctl.runtime.container import Bind, ContainerSpec
from layerctl.runtime.inside import is_regular
from layerctl.runtime.network import Network, name_files
from layerctl.runtime.spec import build_spec
from layerctl.runtime.targets import refuse_symlinks
from layerctl.values import frozen, replace


@frozen
class Bundle:
    """A bundle on disk.

    Life cycle: :meth:`create` → one :meth:`Runtime.run` or :meth:`Runtime.start` → :meth:`remove`, once the container
    is gone.

    Attributes:
        path: its directory, private to root; on a tmpfs at best.
        spec: the container as written, name files' binds included.
    """

    path: Path
    spec: ContainerSpec

    @classmethod
    def create(cls, path: Path, spec: ContainerSpec) -> Bundle:
        """Writes a new bundle; a failed one leaves nothing.

        Args:
            path: must not exist; parents are made.
            spec: the container; ``/etc/hosts``, ``/etc/hostname`` and ``/etc/resolv.conf`` are added to its binds,
                read-only, because what is written to a bind is not part of the rootfs and would be lost: where the
                rootfs has such a regular file, and the last one always with the host's network.

        Raises:
            AlreadyExists: the bundle is there.
            UnsafeRootfs: no runtime must see that rootfs.
            UsageError: a string of ``spec`` is not UTF-8, which the format cannot hold.
        """
        refuse_symlinks(spec.rootfs)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            raise AlreadyExists(f"a container {spec.id} exists already") from None
        try:
            bundle = cls(path, replace(spec, binds=(*spec.binds, *_name_binds(path, spec))))
            write_json(path / "config.json", build_spec(bundle.spec, cgroup_namespace=has_cgroup_namespaces()))
        except BaseException:
            shutil.rmtree(path)
            raise
        return bundle

    def remove(self) -> None:
        """Deletes the bundle; nothing to do if it is gone already."""
        remove_bundle(self.path)

    @property
    def pid_file(self) -> Path:
        """Holds the pid of the container's first process, once it runs."""
        return self.path / "pid"

    @property
    def log(self) -> Path:
        """The runtime's messages, one JSON object a line."""
        return self.path / "log.json"

    @property
    def stdout(self) -> Path:
        """Output of a detached container."""
        return self.path / "stdout.log"

    @property
    def stderr(self) -> Path:
        """Error output of a detached container."""
        return self.path / "stderr.log"


def remove_bundle(path: Path) -> None:
    """Deletes a bundle that somebody else made, such as one that :meth:`Runtime.list` names."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes a document for a runtime, which reads UTF-8 only and would replace anything else silently.

    Raises:
        UsageError: a string in it is not UTF-8.
    """
    try:
        data = json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        word = os.fsencode(exc.object[exc.start : exc.end])
        raise UsageError(f"an OCI runtime takes only UTF-8 in commands, variables and paths, not {word!r}") from exc
    path.write_bytes(data)


def _name_binds(path: Path, spec: ContainerSpec) -> Iterator[Bind]:
    given = {os.path.normpath(bind.destination) for bind in spec.binds}
    root = os.open(spec.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name, content in name_files(spec.network, spec.host).items():
            needed = name == "resolv.conf" and spec.network is Network.HOST
            if f"/etc/{name}" not in given and (needed or is_regular(root, b"etc/" + name.encode())):
                yield Bind(_write(path / "etc" / name, content), f"/etc/{name}", is_dir=False, read_only=True)
    finally:
        os.close(root)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
    return path
