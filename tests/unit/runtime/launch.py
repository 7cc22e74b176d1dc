"""Runs one container with inherited streams, as ``layerctl run`` does; started by the tests as a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def _size() -> tuple[int, int]:
    columns, rows = os.get_terminal_size(0)
    return columns, rows


def main(fields: dict[str, Any]) -> int:
    sys.path.insert(0, fields["project"])
    from layerctl.runtime import Bundle, ContainerId, ContainerSpec, Process, Runtime, environment  # noqa: PLC0415

    container = ContainerId.random()
    env = environment([], [], hostname=container.name, home="/root", term="xterm" if fields["tty"] else None)
    size = _size() if fields["tty"] else None
    process = Process(tuple(fields["argv"]), env, tty=fields["tty"], size=size)
    spec = ContainerSpec(container, Path(fields["rootfs"]), process)
    bundle = Bundle.create(Path(fields["bundles"]) / container.name, spec)
    result = Runtime(Path(fields["program"]), Path(fields["root"])).run(bundle)
    bundle.remove()
    return result.status


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
