"""A repository in a user namespace: its owner is root there and nobody special outside."""

from __future__ import annotations

import os
import shlex
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli import COMMAND, Layerctl
from tests.support.userns import OUTSIDE, run_as_namespace_root

_BEGIN = 'set -eu; layerctl() { %s "$@"; }\n'


@dataclass(frozen=True)
class Namespaced:
    """The folder of the repository, which belongs to the namespace's root.

    A mount lives as long as a script: each one begins with a checkout.
    """

    top: Path

    def script(self, text: str) -> str:
        """Runs shell commands there; returns what they printed."""
        home = self.top / "home"
        cli = Layerctl(self.top, home)
        begin = _BEGIN % shlex.join(COMMAND)
        if (self.top / ".layerctl").exists():
            begin += "layerctl checkout > /dev/null\n"
        return run_as_namespace_root(["sh", "-c", begin + textwrap.dedent(text)], cwd=self.top, env=cli.environment())


def make_namespaced(top: Path) -> Namespaced:
    """A repository with a small base image."""
    for name in ("home", "source/d/sub"):
        (top / name).mkdir(parents=True)
    for name in ("a", "d/x", "d/sub/z"):
        (top / "source" / name).write_text(name)
    subprocess.run(["chown", "-R", f"{OUTSIDE}:{OUTSIDE}", top], check=True)
    os.chmod(top, 0o755)
    found = Namespaced(top)
    found.script("layerctl init; layerctl import source -m base")
    return found
