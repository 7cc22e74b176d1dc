"""Which image of several suits a machine."""

from __future__ import annotations

import pytest

from layerctl.errors import UsageError
from layerctl.source.platforms import Platform, best, parse_platform


@pytest.mark.parametrize(
    ("wanted", "offers", "picked"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/amd64/v3"], None),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
        ("linux/amd64", ["windows/amd64"], None),
        ("linux/arm64", ["linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64/v8", ["linux/arm64"], "linux/arm64"),
        ("linux/arm64/v9.2", ["linux/arm64/v8", "linux/arm64/v9.1", "linux/arm64/v9.5"], "linux/arm64/v9.1"),
        ("linux/arm", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v6", ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm/v6", ["linux/arm/v7"], None),
        ("linux/mips64le", ["linux/mips64le/hardfloat", "linux/mips64le"], "linux/mips64le"),
        ("linux/mips64le/hardfloat", ["linux/mips64le", "linux/mips64le/hardfloat"], "linux/mips64le/hardfloat"),
        ("arm64", ["linux/arm64"], "linux/arm64"),
        ("linux/amd64", [], None),
    ],
)
def test_best(wanted: str, offers: list[str], picked: str | None) -> None:
    found = best(parse_platform(wanted), map(parse_platform, offers))
    assert (str(found) if found else None) == picked


@pytest.mark.parametrize("text", ["", "linux/", "/amd64", "a/b/c/d"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(UsageError):
        parse_platform(text)


def test_text_form() -> None:
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
