"""Which repair goes with which kind of problem, and in which order."""

from __future__ import annotations

from collections.abc import Callable

from layerctl.errors import LayerctlError
from layerctl.model.problem import Problem
from layerctl.ops.mends import folders, journal, layers, objects, refs, worktrees
from layerctl.ops.mends.mender import Mender

Mend = Callable[[Mender, Problem], None]

#: Before the kind of a problem in a compacted run: runs come after the layers that they are made of.
_RUN = "compacted "
_DIRECTORY: dict[str, Mend] = dict.fromkeys(
    (
        "missing-layer",
        "missing-file",
        "extra-file",
        "changed-file",
        "unreadable-file",
        "wrong-links",
        "opaque-mark",
    ),
    layers.mend_directory,
)

#: One stage after the other. After a stage that did something, everything is looked at again.
STAGES: tuple[dict[str, Mend], ...] = (
    {
        "damaged-format": folders.mend_format,
        "missing-folder": folders.mend_folder,
        "damaged-head": folders.mend_head,
        "damaged-config": folders.mend_config,
        "stale-lock": refs.mend_lock,
        "damaged-pending-operation": journal.mend_pending,
        "missing-worktree": worktrees.mend_missing,
    },
    {
        "damaged-pack": objects.mend_pack,
    },
    {
        "missing-object": objects.mend_object,
        "broken-object": objects.mend_object,
        "damaged-ref": refs.mend_ref,
        "ref-to-nowhere": refs.mend_ref,
        "damaged-reflog": refs.mend_reflog,
        "damaged-operation": journal.mend_operation,
        "missing-operation": journal.mend_operation,
    },
    {
        "missing-worktree-head": worktrees.mend_head,
        "damaged-worktree-head": worktrees.mend_head,
        "missing-worktree-record": worktrees.mend_record,
        "damaged-worktree-record": worktrees.mend_record,
        "worktree-without-branch": worktrees.mend_branch,
        "worktree-without-ref": worktrees.mend_ref,
        "missing-write-layer": worktrees.mend_folder,
        "missing-work-folder": worktrees.mend_folder,
    },
    {
        **_DIRECTORY,
        "damaged-layer": layers.drop,
        "damaged-descriptor": layers.mend_descriptor,
    },
    {
        **{_RUN + kind: repair for kind, repair in _DIRECTORY.items()},
        _RUN + "damaged-run": layers.mend_run_record,
        _RUN + "unused-run": layers.drop,
    },
    {
        "leftover": folders.mend_leftover,
        "unknown-file": folders.mend_unknown,
        _RUN + "unknown-file": folders.mend_unknown,
    },
)


def mend(mender: Mender) -> bool:
    """Repairs what belongs to the first stage that has anything to do; whether anything was repaired."""
    mender.handled.clear()
    for stage in STAGES:
        before = mender.done
        for problem in mender.survey.problems:
            repair = stage.get(_key(problem))
            if repair is not None and problem.repairable and problem.identity not in mender.refused:
                _try(mender, problem, repair)
        if mender.done > before:
            return True
    return False


def _key(problem: Problem) -> str:
    return (_RUN if problem.path.startswith(b"layers/compacted/") else "") + problem.kind


def _try(mender: Mender, problem: Problem, repair: Mend) -> None:
    mender.survey.progress("repairing", mender.done, None)
    try:
        repair(mender, problem)
    except LayerctlError as exc:
        mender.refused[problem.identity] = exc.message
    except OSError as exc:
        mender.refused[problem.identity] = exc.strerror or "an error of the system"
    else:
        mender.done += 1
