"""``hook``: which hooks there are, turning samples on and off, and trying one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.errors import AlreadyExists, Declined, NotFound, UsageError
from layerctl.hooks import EVENTS, SAMPLE, Event, HookFile, Stdin, place_of, read_folder, sample_of
from layerctl.model.hook import HookInfo, HookRun, HookState
from layerctl.ops.hooking import change_lines, hooks_folder, hooks_of, message_file
from layerctl.ops.samples import shipped_samples
from layerctl.values import frozen, replace

if TYPE_CHECKING:
    from layerctl.model.ids import CommitId
    from layerctl.ops.context import Context

_NONE = "0" * 40
_IN_A_WORKTREE = ("pre-commit", "commit-msg", "pre-checkout", "pre-rollback", "pre-run")
_LIST = "'layerctl hook list' shows what there is"


def list_hooks(context: Context) -> list[HookInfo]:
    """See :meth:`layerctl.ops.repository.Repository.list_hooks`."""
    return [_info(hook) for hook in _all(context)]


def enable_hook(context: Context, name: str) -> HookInfo:
    """See :meth:`layerctl.ops.repository.Repository.enable_hook`."""
    with context.store.lock.apply():
        hook = _one(_named(context, name), name, prefer=HookState.NOT_EXECUTABLE)
        if hook.state is HookState.BROKEN:
            raise Declined(f"{hook.path} {hook.trouble}", hint="put a program there, or remove it")
        if hook.state is HookState.SAMPLE:
            hook = _turn_on(context, hook)
        _make_executable(hook.path)
    return _info(replace(hook, state=HookState.ACTIVE))


def disable_hook(context: Context, name: str) -> HookInfo:
    """See :meth:`layerctl.ops.repository.Repository.disable_hook`."""
    folder = hooks_folder(context)
    with context.store.lock.apply():
        found = _named(context, name)
        hook = _one([hook for hook in found if hook.state is not HookState.SAMPLE] or found, name)
        if hook.state is HookState.SAMPLE:
            return _info(hook)
        sample = sample_of(folder, hook.name)
        if os.path.lexists(sample):
            raise AlreadyExists(f"{sample} exists already", hint=f"remove it, or remove {hook.path} by hand")
        _rename(context, hook.path, sample)
    return _info(replace(hook, path=sample, state=HookState.SAMPLE))


def run_hook(context: Context, name: str, arguments: Sequence[str] = (), stdin: bytes | None = None) -> list[HookRun]:
    """See :meth:`layerctl.ops.repository.Repository.run_hook`."""
    hooks = hooks_of(context)
    chosen = hooks.of(name) if name in EVENTS else [_one(_named(context, name), name)]
    if not chosen:
        raise NotFound(f"no hook '{name}' is active", hint=_LIST)
    event = EVENTS[chosen[0].event or ""]
    results: list[HookRun] = []
    with _held(context, event), _trial(context, event, arguments, stdin) as trial:
        for hook in chosen:
            with _runnable(context, hook) as ready:
                ending = hooks.call(ready, event, trial.arguments, stdin=trial.stdin, old=trial.old, new=trial.new)
            results.append(HookRun(hook.name, ending.problem, ending.status))
            if ending.problem is not None and event.can_refuse:
                break
    return results


def _all(context: Context) -> list[HookFile]:
    """What is in the hooks folder, and the shipped samples that are not."""
    found = read_folder(hooks_folder(context))
    known = {hook.name for hook in found}
    more = [
        HookFile(name, name.partition(".")[0], path, HookState.SAMPLE)
        for name, path in shipped_samples().items()
        if name not in known
    ]
    order = list(EVENTS)
    return sorted([*found, *more], key=lambda hook: (order.index(hook.event) if hook.event else len(order), hook.name))


def _named(context: Context, name: str) -> list[HookFile]:
    """The hooks and samples that a user's word means: ``EVENT``, ``EVENT.NAME`` or just ``NAME``."""
    word = name.removesuffix(SAMPLE)
    return [hook for hook in _all(context) if hook.event and word in (hook.name, hook.name.partition(".")[2])]


def _one(found: Sequence[HookFile], name: str, prefer: HookState = HookState.ACTIVE) -> HookFile:
    names = sorted({hook.name for hook in found})
    if not names:
        raise NotFound(f"no hook or sample is called '{name}'", hint=_LIST)
    if len(names) > 1:
        raise UsageError(f"'{name}' can be {' or '.join(names)}", hint="use the whole name")
    rank = {prefer: 0, HookState.ACTIVE: 1, HookState.NOT_EXECUTABLE: 2}
    return min(found, key=lambda hook: rank.get(hook.state, 3))


def _turn_on(context: Context, sample: HookFile) -> HookFile:
    folder = hooks_folder(context)
    target = place_of(folder, sample.name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sample.path.parent == folder:
        _make_executable(sample.path)
        _rename(context, sample.path, target)
    else:
        context.store.durability.write(target, sample.path.read_bytes())
    return replace(sample, path=target)


def _rename(context: Context, source: Path, target: Path) -> None:
    os.rename(source, target)
    for folder in {source.parent, target.parent}:
        context.store.durability.sync_dir(folder)


def _make_executable(path: Path) -> None:
    """For whoever can read it."""
    mode = path.stat().st_mode
    path.chmod(mode | (mode & 0o444) >> 2)


def _info(hook: HookFile) -> HookInfo:
    return HookInfo(hook.name, hook.event, hook.state, str(hook.path), hook.summary)


@contextmanager
def _runnable(context: Context, hook: HookFile) -> Iterator[HookFile]:
    """The hook itself; of a sample, an executable copy."""
    if hook.state is HookState.BROKEN:
        raise Declined(f"{hook.path} {hook.trouble}", hint="put a program there, or remove it")
    if hook.state is HookState.ACTIVE:
        yield hook
        return
    with context.store.lock.in_use(), context.store.staging("hook") as staging:
        copy = Path(shutil.copy(hook.path, staging / hook.name))
        copy.chmod(0o700)
        yield replace(hook, path=copy)


def _held(context: Context, event: Event) -> AbstractContextManager[object]:
    """The lock that the event's verb holds while it calls the hook."""
    if event.name in _IN_A_WORKTREE:
        return context.changing_worktree()
    return context.store.lock.apply() if event.name == "reference-transaction" else nullcontext()


@frozen
class _Trial:
    """What a hook is given that is tried."""

    arguments: Sequence[str]
    stdin: Stdin
    old: str | None
    new: str | None


@contextmanager
def _trial(context: Context, event: Event, arguments: Sequence[str], stdin: bytes | None) -> Iterator[_Trial]:
    """As if the last commit were made, checked out or rolled back."""
    head = context.head()
    old, new = _ids(context, event, head)
    given = stdin if stdin is not None else _stdin(context, event, head)
    if event.name == "commit-msg" and not arguments:
        message = context.store.commits.read(head).message if head is not None else "Try the hook"
        with message_file(context, message) as path:
            yield _Trial([str(path)], given, old, new)
        return
    if event.name == "reference-transaction" and not arguments:
        arguments = ["prepared"]
    yield _Trial(arguments, given, old, new)


def _ids(context: Context, event: Event, head: CommitId | None) -> tuple[str | None, str | None]:
    """``LAYERCTL_OLD`` and ``LAYERCTL_NEW``."""
    if head is None:
        return None, None
    parent = context.store.commits.read(head).parent
    before = parent.hex if parent is not None else None
    match event.name:
        case "pre-commit":
            return head.hex, None
        case "post-commit":
            return before, head.hex
        case "pre-rollback":
            return head.hex, before or head.hex
        case "pre-checkout" | "post-checkout" | "post-rollback":
            return head.hex, head.hex
        case "post-import":
            return None, head.hex
        case _:
            return None, None


def _stdin(context: Context, event: Event, head: CommitId | None) -> Stdin:
    ref = context.worktree.head.ref or "HEAD"
    if event.name == "pre-commit":
        return lambda: change_lines(context)
    if head is None:
        return b""
    if event.name == "reference-transaction":
        parent = context.store.commits.read(head).parent
        return f"{parent.hex if parent is not None else _NONE} {head.hex} {ref}\n".encode()
    return f"{ref} {head.hex} {ref} {_NONE}\n".encode() if event.name == "pre-push" else b""
