"""Entries, names and whole states of a rootfs, as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

from layerctl.model.entry import Entry, Kind
from layerctl.model.ids import Digest

#: Any name that Linux allows.
names = (
    st.binary(min_size=1, max_size=255)
    .map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in (b".", b".."))
)
#: Names that have bitten somebody, or that Git refuses in a tree.
nasty_names = names | st.sampled_from(
    [
        b".git",
        b".GIT",
        b".gIt ",
        b".git.",
        b".git. .",
        b".git::$INDEX_ALLOCATION",
        ".g\u200cit".encode(),
        "\u200c.git".encode(),
        "\ufeff.gitmodules".encode(),
        b"git~1",
        b"GIT~2",
        b"gitmod~1",
        b"GITMOD~4",
        b"gi7eba~1",
        b"gi7eb~12",
        b"gi7d29~9",
        b"gitatt~1",
        b"~1000000",
        b"g~100000",
        b".gitmodules",
        b".gitattributes",
        b".gitignore",
        b".mailmap",
        b"%entries",
        b"%hardlinks",
        b"%2egit",
        b"%2Egit",
        b"%25entries",
        b"%",
        b"...",
        b"dot.",
        b"space ",
        b" ",
        b"back\\slash",
        b"co:lon",
        b"new\nline",
        b"\xff",
        b"\xe9t\xe9",
        b"L" * 255,
        b"\xff" * 255,
        b".wh.x",
        b"con",
        b"HEAD",
    ]
)
_xattrs = st.dictionaries(st.binary(min_size=1, max_size=40), st.binary(max_size=40), max_size=3).map(
    lambda found: tuple(sorted(found.items()))
)
_digests = st.binary(min_size=32, max_size=32).map(Digest)
_ids = st.integers(0, 2**32 - 1)
_numbers = st.integers(0, 2**20 - 1)


@st.composite
def entries(draw: st.DrawFn, kinds: tuple[Kind, ...] = tuple(Kind)) -> Entry:
    """Any entry that a scan can produce."""
    kind = draw(st.sampled_from(kinds))
    base = Entry(
        kind,
        draw(st.integers(0, 0o7777)),
        draw(_ids),
        draw(_ids),
        draw(st.integers(-(2**62), 2**62)),
        xattrs=draw(_xattrs),
    )
    if kind is Kind.FILE:
        return base._replace(size=draw(st.integers(0, 2**63)), digest=draw(_digests))
    if kind is Kind.SYMLINK:
        return base._replace(target=draw(st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"_"))))
    if kind in (Kind.CHAR, Kind.BLOCK):
        return base._replace(rdev=(draw(_numbers), draw(_numbers)))
    return base
