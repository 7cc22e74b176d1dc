"""What libgit2 says when the system refuses something: the system's words without its number."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pygit2

_CODES = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EFBIG),
)
_QUOTED = re.compile(r"'(/[^']*)'")


@contextmanager
def system_errors() -> Iterator[None]:
    """Raises what the system refused inside of libgit2 as the OSError that it was.

    Raises:
        OSError: with its number, and the path where libgit2 names one.
    """
    try:
        yield
    except (pygit2.GitError, OSError) as exc:
        found = as_system_error(exc)
        if found is None:
            raise
        raise found from exc


def as_system_error(exc: Exception) -> OSError | None:
    """The OSError in what libgit2 raised, or None if the system had no part in it."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc
    text = str(exc)
    code = next((code for code in _CODES if os.strerror(code) in text), None)
    if code is None:
        return None
    path = _QUOTED.search(text)
    return OSError(code, os.strerror(code), *([path[1]] if path else []))
