"""The sample hooks that layerctl comes with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from layerctl.hooks import SAMPLE


def shipped_samples() -> dict[str, Path]:
    """The file of each sample, by the name of the hook that it becomes, sorted."""
    package = Path(str(resources.files("layerctl")))
    folders = (package / "_hooks", package.parent / "hooks")  # installed; in a checkout
    folder = next((place for place in folders if place.is_dir()), None)
    files = sorted(folder.iterdir()) if folder is not None else []
    return {path.name.removesuffix(SAMPLE): path for path in files if path.is_file() and path.suffix != ".md"}
