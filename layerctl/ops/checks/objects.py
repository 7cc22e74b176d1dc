"""Every Git object, packed or not, and the files they are in."""

from __future__ import annotations

import re
import time
from pathlib import Path

from layerctl.errors import Damaged
from layerctl.ops.checks.survey import Survey, names_in
from layerctl.store.rawgit import MissingObject

_TEMPORARY = re.compile(r"tmp_|\.tmp")
_KNOWN = re.compile(r"([0-9a-f]{2}|info|pack)\Z")
_PACK = re.compile(r"pack-[0-9a-f]{40}\.(pack|idx|rev|bitmap|keep|promisor|mtimes)\Z|multi-pack-index")
#: A file of an object that is being written is never older than this.
TEMPORARY_SECONDS = 600.0


def check_objects(survey: Survey) -> None:
    """Reads every object and compares it with its id."""
    _leftovers(survey)
    _loose(survey)
    for name in survey.git.packs():
        _pack(survey, name)


def _loose(survey: Survey) -> None:
    for oid in survey.git.loose():
        survey.objects_seen += 1
        if survey.objects_seen % 1024 == 0:
            survey.progress("checking objects", survey.objects_seen, None)
        try:
            survey.git.read_loose(oid)
        except MissingObject:
            continue  # a prune came between
        except Damaged as exc:
            survey.warning("broken-object", survey.git.loose_path(oid), exc.message, repairable=True)


def _pack(survey: Survey, name: str) -> None:
    path = survey.git.pack_path(name, ".pack")
    try:
        survey.git.check_pack(name)
    except (Damaged, OSError) as exc:
        survey.warning("damaged-pack", path, exc.message if isinstance(exc, Damaged) else str(exc), repairable=True)
    for oid in survey.git.pack_objects(name):
        survey.objects_seen += 1
        if survey.objects_seen % 1024 == 0:
            survey.progress("checking objects", survey.objects_seen, None)
        try:
            survey.git.find(oid)
        except MissingObject:
            continue  # nothing can be read of a pack as damaged as this one; what is needed of it is missed later
        except Damaged as exc:
            survey.warning("broken-object", path, f"the object {oid.hex()} {exc.message}")


def _leftovers(survey: Survey) -> None:
    objects = survey.git.path / "objects"
    for name in names_in(objects):
        path = objects / name
        if not _KNOWN.match(name):
            _odd(survey, path)
        elif path.is_dir() and name != "info":
            for below in names_in(path):
                known = _PACK.match(below) if name == "pack" else re.match(r"[0-9a-f]{38}\Z", below)
                if not known:
                    _odd(survey, path / below)


def _odd(survey: Survey, path: Path) -> None:
    try:
        age = time.time() - path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return
    if not _TEMPORARY.match(path.name):
        survey.note("unknown-file", path, "is nothing that layerctl knows", repairable=True)
    elif age > TEMPORARY_SECONDS:
        survey.note("leftover", path, "was left by a command that was killed", repairable=True)
