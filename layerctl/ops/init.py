"""``init``: a new repository."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from layerctl.hooks import SAMPLE
from layerctl.model.progress import silent
from layerctl.ops.context import Context
from layerctl.ops.samples import shipped_samples
from layerctl.store.git import GitRepository
from layerctl.store.layout import REPOSITORY_DIR, Layout, check_format
from layerctl.store.store import create_repository

if TYPE_CHECKING:
    from layerctl.model.commit import Author


def init(directory: Path, *, branch: str = "main", author: Author | None = None) -> Context:
    """See :meth:`layerctl.ops.repository.Repository.init`."""
    layout = Layout(Path(os.path.abspath(directory)) / REPOSITORY_DIR)
    GitRepository.check_ref_name(f"refs/heads/{branch}")
    if layout.format_file.exists():
        check_format(layout)
    if create_repository(layout, branch):
        _copy_samples(layout.hooks)
    return Context.open(layout.root.parent, worktree=None, author=author, progress=silent, search_path=None, command="")


def _copy_samples(target: Path) -> None:
    """Copies the sample hooks, each as ``NAME.sample``: it does nothing until it is turned on."""
    for name, sample in shipped_samples().items():
        copy = shutil.copy(sample, target / f"{name}{SAMPLE}")
        os.chmod(copy, 0o755)
