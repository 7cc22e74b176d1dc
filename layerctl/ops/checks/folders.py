"""The folder itself: the format, the folders in it, Git's config, and what was left in ``tmp``."""

from __future__ import annotations

from pathlib import Path

from layerctl.layer.xattrs import XattrNamespace
from layerctl.ops.checks.survey import Survey, names_in
from layerctl.store.layout import FORMAT, Layout
from layerctl.store.rawconfig import REQUIRED, read_config

_KNOWN = {"format", "git", "layers", "worktrees", "parked", "hooks", "journal", "tmp", "lock", "lost+found"}
_NAMESPACE = "layerctl.namespace"


def check_folders(survey: Survey) -> None:
    """Looks at the top of the repository."""
    layout = survey.layout
    if read_format(layout) != FORMAT:
        survey.error("damaged-format", layout.format_file, "does not say which format this is", repairable=True)
    for folder in (*layout.folders(), layout.journal / "ops", layout.git / "objects", layout.git / "refs"):
        if not folder.is_dir() and (folder.name != "ops" or folder.is_symlink() or folder.exists()):
            survey.error("missing-folder", folder, "is missing", repairable=not folder.exists())
    for name in names_in(layout.root):
        if name not in _KNOWN:
            survey.stray(layout.root / name)
    for name in names_in(layout.tmp):
        survey.note("leftover", layout.tmp / name, "was left by a command that was killed", repairable=True)
    _check_config(survey)


def read_format(layout: Layout) -> str | None:
    """The format's number, or None."""
    try:
        text = layout.format_file.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip() if text.endswith("\n") else None


def _check_config(survey: Survey) -> None:
    path: Path = survey.layout.git / "config"
    found = read_config(survey.layout.git)
    if found is None:
        survey.error("damaged-config", path, "cannot be read", repairable=True)
        return
    name = found.get(_NAMESPACE, "")
    if name not in ("trusted", "user"):
        survey.error("damaged-config", path, f"{_NAMESPACE} is neither 'trusted' nor 'user'", repairable=True)
    else:
        survey.namespace = XattrNamespace[name.upper()]
    for key, value in REQUIRED.items():
        if found.get(key.lower()) != value:
            survey.warning("damaged-config", path, f"{key} is not {value}", repairable=True)
