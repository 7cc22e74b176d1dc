"""Putting the repository's own folders and files right, and taking garbage away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from layerctl.layer.idmap import overlay_namespace
from layerctl.store.layout import FORMAT
from layerctl.store.rawconfig import REQUIRED, config_with, read_config
from layerctl.store.worktrees import DEFAULT

if TYPE_CHECKING:
    from layerctl.model.problem import Problem
    from layerctl.ops.mends.mender import Mender

_NAMESPACE = "layerctl.namespace"


def mend_format(mender: Mender, problem: Problem) -> None:
    """Writes the format's number; a newer one was refused before."""
    mender.replace_file(mender.layout.format_file, FORMAT.encode() + b"\n")


def mend_folder(mender: Mender, problem: Problem) -> None:
    """Makes a folder."""
    path = mender.path(problem)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    mender.durability.sync_dir(path.parent)


def mend_leftover(mender: Mender, problem: Problem) -> None:
    """Deletes what a killed command left."""
    mender.delete(mender.path(problem))


def mend_unknown(mender: Mender, problem: Problem) -> None:
    """Sets aside what layerctl does not know."""
    mender.set_aside(mender.path(problem))


def mend_head(mender: Mender, problem: Problem) -> None:
    """Names a branch in the bare repository's HEAD, which nothing but Git looks at."""
    found = mender.survey.worktrees.get(DEFAULT)
    branch = found.head.branch if found is not None and found.head is not None else None
    mender.replace_file(mender.path(problem), f"ref: refs/heads/{branch or 'main'}\n".encode())


def mend_config(mender: Mender, problem: Problem) -> None:
    """Sets what layerctl needs in Git's config; one that cannot be read is written anew."""
    path = mender.path(problem)
    wanted = dict(REQUIRED)
    found = read_config(mender.layout.git)
    if (found or {}).get(_NAMESPACE) not in ("trusted", "user"):
        wanted[_NAMESPACE] = _namespace(mender)
    old = path.read_bytes() if found is not None else b""
    mender.layout.tmp.mkdir(mode=0o700, exist_ok=True)
    mender.replace_file(path, config_with(old, wanted, mender.layout.tmp))


def _namespace(mender: Mender) -> str:
    """Where overlay marks are, as the layers say; as new repositories of this process have it if none says."""
    for name in mender.survey.layer_names:
        try:
            found = json.loads((mender.layout.layers / name / "layer.json").read_bytes())["namespace"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if found in ("trusted", "user"):
            return str(found)
    return overlay_namespace().name.lower()
