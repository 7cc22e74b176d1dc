"""What the C library may lack."""

from __future__ import annotations

import errno

import pytest

from layerctl import libc


def test_a_function_that_is_not_there_is_one_that_fails() -> None:
    with pytest.raises(OSError) as caught:
        libc.call("no_such_function_in_any_library", 1)
    assert caught.value.errno == errno.ENOSYS
