"""Putting refs right from their reflogs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from layerctl.ops.checks.refs import last_good
from layerctl.ops.mends.mender import Mender, Unrepairable
from layerctl.store.rawrefs import good_reflog_lines
from layerctl.store.refs import is_ref_name

if TYPE_CHECKING:
    from layerctl.model.problem import Problem


def mend_ref(mender: Mender, problem: Problem) -> None:
    """Lets a ref lead where its reflog last saw it; sets a file aside whose name is no ref's."""
    path = mender.path(problem)
    name = os.path.relpath(path, mender.layout.git)
    if not is_ref_name(name):
        mender.set_aside(path)
        return
    last = last_good(mender.survey, name)
    if last is None:
        raise Unrepairable("its reflog does not say where it was, or that is gone too")
    mender.replace_file(path, last.encode() + b"\n")


def mend_reflog(mender: Mender, problem: Problem) -> None:
    """Drops the lines that cannot be read."""
    path = mender.path(problem)
    mender.replace_file(path, good_reflog_lines(path.read_bytes()))


def mend_lock(mender: Mender, problem: Problem) -> None:
    """Deletes a lock whose holder is dead."""
    path = mender.path(problem)
    path.unlink(missing_ok=True)
    mender.durability.sync_dir(path.parent)
