"""Which version is newer: against the programs and libraries that decide it, and their published examples."""

from __future__ import annotations

import random
import subprocess
from functools import cmp_to_key
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pip._vendor.packaging.version import InvalidVersion, Version

from layerctl.model.versions import compare_apk, compare_dpkg, compare_npm, compare_pip, compare_rpm, newer

DPKG = "1.0 1.0-1 1.0-2 1.0-10 1:0.1 2.0~rc1 2.0~rc1-1 2.0 2.0~ 2.0~~ 2.0a 2.0+b1 2.0.1 2.0-1+deb12u1 2.0-1+b1 1.2-4~5"
#: The examples of rpm's own test suite (tests/rpmvercmp.at).
RPM = """
1.0 = 1.0 | 1.0 < 2.0 | 2.0.1 = 2.0.1 | 2.0 < 2.0.1 | 2.0.1 < 2.0.1a | 5.5p1 < 5.5p2 | 5.5p1 < 5.5p10
10xyz < 10.1xyz | xyz10 < xyz10.1 | xyz.4 < 8 | xyz.4 < 2 | 5.5p2 < 5.6p1 | 5.6p1 < 6.5p1 | 6.0 < 6.0.rc1
10a2 < 10b2 | 1.0a < 1.0aa | 10.0001 = 10.1 | 10.0001 < 10.0039 | 4.999.9 < 5.0 | 20101121 < 20101122 | 2_0 = 2.0
1.0~rc1 = 1.0~rc1 | 1.0~rc1 < 1.0 | 1.0~rc1 < 1.0~rc2 | 1.0~rc1~git123 < 1.0~rc1 | 1.0 < 1.0^ | 1.0^ < 1.0^git1
1.0^git1 < 1.0^git2 | 1.0^git1 < 1.01 | 1.0^20160101 < 1.0.1 | 1.0^20160101^git1 < 1.0^20160102 | 1.0~rc1^git1 < 1.0
1.0~rc1 < 1.0~rc1^git1 | 1.0^git1~pre < 1.0^git1 | 0:1-1 = 1-1 | 1-9 < 1:0-1 | 1-1.el8 < 1-1.el9
"""
#: From apk-tools' test/version.data.
APK = """
2.34 < 2.34_p1 | 0.1_pre2 < 0.1 | 1.0_alpha1 < 1.0_beta1 | 1.0_rc9 < 1.0 | 1.0 < 1.0_git20200101 | 1.0-r1 < 1.0-r2
1.0-r9 < 1.0-r10 | 1.2a < 1.2b | 1.2 < 1.2a | 1.9 < 1.10 | 2.3.0b < 2.3.1 | 0.12.1 < 0.12.2 | 23_foo ? 4_beta
1.01 < 1.1 | 1.0.3 < 1.0.15 | 6.0 < 6.0_p1 | 1.0 = 1.0 | 3.6.1-r0 < 3.6.2-r0 | 1.0_p1_alpha < 1.0_p1
"""
#: From semver.org, 11.
NPM = """
1.0.0-alpha < 1.0.0-alpha.1 | 1.0.0-alpha.1 < 1.0.0-alpha.beta | 1.0.0-alpha.beta < 1.0.0-beta | 1.0.0-rc.1 < 1.0.0
1.0.0-beta < 1.0.0-beta.2 | 1.0.0-beta.2 < 1.0.0-beta.11 | 1.0.0-beta.11 < 1.0.0-rc.1
1.9.0 < 1.10.0 | 1.0.0+a = 1.0.0+b
1.0.0 < 2.0.0 | v1.2.3 = 1.2.3 | 1.2 ? 1.2.3
"""


def cases(text: str) -> list[tuple[str, str, str]]:
    found = [case.split() for line in text.strip().splitlines() for case in line.split("|")]
    return [(one, sign, other) for one, sign, other in found]


@pytest.mark.parametrize(
    ("ecosystem", "compare", "text"), [("rpm", compare_rpm, RPM), ("apk", compare_apk, APK), ("npm", compare_npm, NPM)]
)
def test_published_examples(ecosystem: str, compare, text: str) -> None:  # type: ignore[no-untyped-def]
    for one, sign, other in cases(text):
        if sign == "?":
            assert newer(ecosystem, one, other) is None
            continue
        assert compare(one, other) == {"<": -1, "=": 0}[sign], (one, other)
        assert compare(other, one) == {"<": 1, "=": 0}[sign], (other, one)
        assert newer(ecosystem, one, other) is (True if sign == "<" else None)


def test_debian_versions_are_in_the_order_that_dpkg_says() -> None:
    chance = random.Random(1)
    versions = DPKG.split()
    versions += ["".join(chance.choices("019.ab~+", k=chance.randrange(1, 6))) for _ in range(20)]
    versions = [f"0{version}" for version in versions]
    ordered = sorted(set(versions), key=cmp_to_key(compare_dpkg))
    for one, other in pairwise(ordered):
        relation = "lt" if compare_dpkg(one, other) < 0 else "eq"
        done = subprocess.run(["dpkg", "--compare-versions", one, relation, other], capture_output=True)
        assert done.returncode == 0, (one, relation, other, done.stderr)


_PARTS = st.tuples(
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 3).map(str), min_size=1, max_size=3).map(".".join),
    st.sampled_from(["", "a1", "b", "rc2", ".alpha-1", "_preview", "c0"]),
    st.sampled_from(["", ".post1", "-1", ".rev", "r2"]),
    st.sampled_from(["", ".dev0", "dev3"]),
    st.sampled_from(["", "+local", "+1.a", "+1.10", "+1.2"]),
).map("".join)


@settings(max_examples=300, deadline=None)
@given(_PARTS, _PARTS)
def test_python_versions_are_in_the_order_that_packaging_says(one: str, other: str) -> None:
    try:
        left, right = Version(one), Version(other)
    except InvalidVersion:
        assume(False)
    assert compare_pip(one, other) == (left > right) - (left < right)


def test_what_is_no_version_has_no_order() -> None:
    assert newer("pip", "1.0", "not a version") is None
    assert newer("npm", "1.0", "1.0.0") is None
    assert newer("dpkg", "1.0", "1.0") is None
