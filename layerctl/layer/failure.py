"""What a failed system call means for somebody who imports something."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from layerctl.errors import BadArchive, LayerctlError, MachineLacks, NoPrivilege, NoSpace

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EPERM, errno.EACCES}
_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


def explained(error: OSError, verb: str, path: RootPath) -> LayerctlError:
    """One clear sentence for an error while an entry was written.

    Args:
        error: what the system said.
        verb: what was being done: ``unpack``, ``copy``.
        path: the entry's name, as the source spells it.
    """
    what = f"cannot {verb} {os.fsdecode(path or b'/')!r}: {error.strerror}"
    if error.errno in _FULL:
        return NoSpace(what)
    if error.errno in _FORBIDDEN:
        return NoPrivilege(what)
    if error.errno in _DESCRIPTORS:
        return MachineLacks(what, hint="raise the number of open files with 'ulimit -n'")
    return BadArchive(what)
