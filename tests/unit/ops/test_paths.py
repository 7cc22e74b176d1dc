"""Which changes a user's paths and globs mean."""

from __future__ import annotations

import pytest

from layerctl.ops.paths import is_below, matches


@pytest.mark.parametrize(
    ("path", "roots", "expected"),
    [
        (b"a/b", (), True),
        (b"a/b", (b"a",), True),
        (b"a", (b"a",), True),
        (b"a/b", (b"a/b/c",), False),
        (b"ab", (b"a",), False),
        (b"a", (b"",), True),
        (b"", (b"a",), False),
        (b"c", (b"a", b"c"), True),
        (b"\xff/x", (b"\xff",), True),
    ],
)
def test_a_path_is_below_a_root_by_components(path: bytes, roots: tuple[bytes, ...], expected: bool) -> None:
    assert is_below(path, roots) is expected


@pytest.mark.parametrize(
    ("path", "glob", "expected"),
    [
        (b"x.log", "*.log", True),
        (b"deep/er/x.log", "*.log", True),
        (b"cache/a/b", "cache", True),
        (b"cache/a/b", "/cache/", True),
        (b"cached", "cache", False),
        (b"var/cache", "cache", False),
        (b"var/cache/x", "var/*", True),
        (b"a\xff", "a?", True),
        (b"A", "a", False),
    ],
)
def test_a_glob_matches_a_path_or_a_directory_around_it(path: bytes, glob: str, expected: bool) -> None:
    assert matches(path, [glob]) is expected


def test_no_globs_match_nothing() -> None:
    assert not matches(b"a", [])
