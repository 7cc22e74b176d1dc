"""layerctl: Git for container root filesystems.

``Repository`` is the library: every verb of the command line is one of its methods, typed, without a terminal.

    >>> from pathlib import Path
    >>> from layerctl import Repository
    >>> repository = Repository.init(Path("/srv/box"))  # doctest: +SKIP
    >>> repository.import_image("rootfs.tar", message="base")  # doctest: +SKIP
    >>> repository.checkout().mountpoint  # doctest: +SKIP
    '/srv/box/rootfs'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerctl.errors import LayerctlError
    from layerctl.model.change import Aspect, Change, ChangeKind
    from layerctl.model.commit import Author, ImageCommit
    from layerctl.model.config import ImageConfig
    from layerctl.model.entry import Entry, Kind
    from layerctl.model.ids import CommitId, LayerId
    from layerctl.model.layer import LayerDescriptor, Quiescence
    from layerctl.model.operation import Operation
    from layerctl.ops.repository import Repository
    from layerctl.ops.run import RunRequest

__version__ = "0.1.0"

_HOMES = {
    "Aspect": "layerctl.model.change",
    "Author": "layerctl.model.commit",
    "Change": "layerctl.model.change",
    "ChangeKind": "layerctl.model.change",
    "CommitId": "layerctl.model.ids",
    "Entry": "layerctl.model.entry",
    "ImageCommit": "layerctl.model.commit",
    "ImageConfig": "layerctl.model.config",
    "Kind": "layerctl.model.entry",
    "LayerDescriptor": "layerctl.model.layer",
    "LayerId": "layerctl.model.ids",
    "LayerctlError": "layerctl.errors",
    "Operation": "layerctl.model.operation",
    "Quiescence": "layerctl.model.layer",
    "Repository": "layerctl.ops.repository",
    "RunRequest": "layerctl.ops.run",
}

__all__ = [
    "Aspect",
    "Author",
    "Change",
    "ChangeKind",
    "CommitId",
    "Entry",
    "ImageCommit",
    "ImageConfig",
    "Kind",
    "LayerDescriptor",
    "LayerId",
    "LayerctlError",
    "Operation",
    "Quiescence",
    "Repository",
    "RunRequest",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used: ``layerctl --version`` must not load libgit2."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'layerctl' has no attribute {name!r}")
    return getattr(import_module(home), name)
