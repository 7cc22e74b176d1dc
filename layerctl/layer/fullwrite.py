"""Writing all of something: write(2) may take less than it is given."""

from __future__ import annotations

import os


def write_all(fd: int, data: memoryview) -> None:
    """Writes everything at the file's position.

    Raises:
        OSError: as os.write; a part may be written.
    """
    while data:
        data = data[os.write(fd, data) :]
