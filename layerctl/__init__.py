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

from layerctl.lazy import loader as _loader

TYPE_CHECKING = False
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
    from layerctl.runtime import RunResult, Stdio

__version__ = "0.1.0"

#: ``layerctl --version`` must not load libgit2.
__getattr__ = _loader(
    __name__,
    {
        "Aspect": "model.change",
        "Author": "model.commit",
        "Change": "model.change",
        "ChangeKind": "model.change",
        "CommitId": "model.ids",
        "Entry": "model.entry",
        "ImageCommit": "model.commit",
        "ImageConfig": "model.config",
        "Kind": "model.entry",
        "LayerDescriptor": "model.layer",
        "LayerId": "model.ids",
        "LayerctlError": "errors",
        "Operation": "model.operation",
        "Quiescence": "model.layer",
        "Repository": "ops.repository",
        "RunRequest": "ops.run",
        "RunResult": "runtime.result",
        "Stdio": "runtime.foreground",
    },
)

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
    "RunResult",
    "Stdio",
    "__version__",
]
