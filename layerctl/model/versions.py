"""Which of two package versions is newer, by the rules of each ecosystem."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

#: Below zero: the first is older; zero: neither; above: it is newer.
Compare = Callable[[str, str], int]


def newer(ecosystem: str, old: str, new: str) -> bool | None:
    """Whether ``new`` is newer than ``old``; None if the ecosystem's rules do not say."""
    try:
        order = _COMPARE[ecosystem](old, new)
    except ValueError:
        return None
    return None if order == 0 else order < 0


def _order(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


# ------------------------------------------------------------------------------------------- dpkg: deb-version(7)


def compare_dpkg(one: str, other: str) -> int:
    """Epoch, upstream version, revision; letters before all else, a tilde even before the end."""
    for left, right in zip(_split_dpkg(one), _split_dpkg(other), strict=True):
        found = _order(int(left), int(right)) if left.isdecimal() and right.isdecimal() else _verrevcmp(left, right)
        if found:
            return found
    return 0


def _split_dpkg(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return epoch, upstream, revision


def _verrevcmp(one: str, other: str) -> int:
    left, right = re.findall(r"(\D*)(\d*)", one), re.findall(r"(\D*)(\d*)", other)
    for (text, number), (text_other, number_other) in zip_longest(left, right, fillvalue=("", "")):
        weights = zip_longest(map(_weight, text), map(_weight, text_other), fillvalue=0)
        found = next((_order(a, b) for a, b in weights if a != b), 0)
        found = found or _order(int(number or 0), int(number_other or 0))
        if found:
            return found
    return 0


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isascii() and character.isalpha() else ord(character) + 256


# -------------------------------------------------------------------------- rpm: rpm-version(7), "rpmvercmp"


def compare_rpm(one: str, other: str) -> int:
    """``[epoch:]version-release``."""
    for left, right in zip(_split_dpkg(one), _split_dpkg(other), strict=True):
        found = _rpmvercmp(left, right)
        if found:
            return found
    return 0


def _rpmvercmp(one: str, other: str) -> int:
    left, right = (re.findall(r"\d+|[a-zA-Z]+|~|\^", text) for text in (one, other))
    for part, against in zip_longest(left, right):
        found = _rpm_part(part, against)
        if found:
            return found
    return 0


def _rpm_part(one: str | None, other: str | None) -> int:
    """A tilde is before the end of a version, a caret between the end and anything else; numbers beat letters."""
    if "~" in (one, other):
        return _order(one != "~", other != "~")
    if "^" in (one, other):
        rank = {None: 0, "^": 1}
        return _order(rank.get(one, 2), rank.get(other, 2))
    if one is None or other is None:
        return _order(one is not None, other is not None)
    if one.isdecimal() and other.isdecimal():
        return _order(int(one), int(other))
    return _order((one.isdecimal(), one), (other.isdecimal(), other))


# ----------------------------------------------------------------------------- apk: apk-package(5), "pkgver"

_APK = re.compile(r"(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?\Z")
_APK_SUFFIXES = ("alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p")


def compare_apk(one: str, other: str) -> int:
    """Numbers, a letter, suffixes such as ``_rc1`` (before the release) and ``_p1`` (after it), a build number."""
    return _order(_apk_key(one), _apk_key(other))


def _apk_key(version: str) -> tuple[Any, ...]:
    match = _APK.match(version)
    if match is None:
        raise ValueError(version)
    first, *rest = match[1].split(".")
    numbers = [(1, int(first), "")]
    for part in rest:  # with a leading zero it counts as a decimal fraction
        numbers.append((0, 0, part.rstrip("0")) if part.startswith("0") and len(part) > 1 else (1, int(part), ""))
    suffixes = [_apk_suffix(suffix) for suffix in match[3].split("_")[1:]]
    return numbers, match[2], [*suffixes, (_APK_SUFFIXES.index(""), 0)], int(match[4] or 0)


def _apk_suffix(text: str) -> tuple[int, int]:
    name = text.rstrip("0123456789")
    return _APK_SUFFIXES.index(name), int(text[len(name) :] or 0)


# ------------------------------------------------------------------------------------------------- pip: PEP 440

_PEP440 = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>\d*))?"
    r"(?:-(?P<post_short>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\Z"
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_NEVER, _ALWAYS = (-1,), (9,)


def compare_pip(one: str, other: str) -> int:
    """Epoch, release, pre-, post- and development releases, local version."""
    return _order(_pep440_key(one), _pep440_key(other))


def _pep440_key(version: str) -> tuple[Any, ...]:
    match = _PEP440.match(version.strip().lower())
    if match is None:
        raise ValueError(version)
    release = [int(part) for part in match["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    is_post = match["post"] is not None or match["post_short"] is not None
    post = (0, int(match["post_short"] or match["post_number"] or 0)) if is_post else _NEVER
    dev = (0, int(match["dev_number"] or 0)) if match["dev"] else _ALWAYS
    if match["pre"]:
        pre: tuple[int, ...] = (_PRE[match["pre"]], int(match["pre_number"] or 0))
    else:  # a development release alone is before all pre-releases
        pre = _NEVER if match["dev"] and not is_post else _ALWAYS
    local = [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _local(match["local"])]
    return int(match["epoch"] or 0), release, pre, post, dev, local


def _local(text: str | None) -> Sequence[str]:
    return re.split(r"[-_.]", text) if text else ()


# ---------------------------------------------------------------------------------------------- npm: semver.org

_SEMVER = re.compile(r"[v=\s]*(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z")


def compare_npm(one: str, other: str) -> int:
    """Three numbers; a pre-release is before its release."""
    return _order(_semver_key(one), _semver_key(other))


def _semver_key(version: str) -> tuple[Any, ...]:
    match = _SEMVER.match(version)
    if match is None:
        raise ValueError(version)
    parts = match[4].split(".") if match[4] else []
    pre = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return int(match[1]), int(match[2]), int(match[3]), not pre, pre


_COMPARE: dict[str, Compare] = {
    "apk": compare_apk,
    "dpkg": compare_dpkg,
    "npm": compare_npm,
    "pip": compare_pip,
    "rpm": compare_rpm,
}
