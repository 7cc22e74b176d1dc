"""What the system refused inside of libgit2 comes out as what it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from layerctl.store.layout import Layout
from layerctl.store.refusals import as_system_error, system_errors
from layerctl.store.store import Store, create_repository


def test_words_become_a_number_and_a_path() -> None:
    said = OSError(f"failed to write '/r/git/x': {os.strerror(errno.ENOSPC)}")
    found = as_system_error(said)
    assert found is not None
    assert (found.errno, found.filename) == (errno.ENOSPC, "/r/git/x")


def test_what_has_a_number_stays_and_what_has_no_part_in_it_is_nothing() -> None:
    plain = OSError(errno.EIO, "x")
    assert as_system_error(plain) is plain
    assert as_system_error(pygit2.GitError("failed to lock file '/r/x' for writing")) is None
    with pytest.raises(pygit2.GitError), system_errors():
        raise pygit2.GitError("no such thing")


def test_a_full_disk_below_libgit2(loop_mount: Callable[..., Path]) -> None:
    """The real one: its words are those that are looked for."""

    point = loop_mount("small", megabytes=4)
    layout = Layout(point / ".layerctl")
    create_repository(layout, "main")
    store = Store(layout)
    with open(point / "filler", "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(OSError, match="No space") as caught:
        for number in range(10_000):
            store.git.write_blob(os.urandom(8192) + b"%d" % number)
    assert caught.value.errno == errno.ENOSPC
