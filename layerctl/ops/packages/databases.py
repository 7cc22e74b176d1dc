"""Where package managers keep what is installed, and how to read it.

Sources: dpkg(1), "status" in deb-control(5) form; apk-v2 database ``lib/apk/db/installed``; Python's "Recording
installed projects" and core metadata; package.json of npm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from layerctl.model.packages import PackageName
from layerctl.ops.packages.rpm import read_rpm
from layerctl.values import frozen

if TYPE_CHECKING:
    from layerctl.model.scan import RootPath

#: A package and its version.
Installed = tuple[PackageName, str]


@frozen
class Database:
    """One kind of database.

    Attributes:
        pattern: paths of it.
        read: gives what a file of it lists, by the match of its path and its content. Raises ValueError or KeyError if
            it makes no sense.
        refusal: why it cannot be read.
    """

    pattern: re.Pattern[bytes]
    read: Callable[[re.Match[bytes], bytes], Iterator[Installed]] | None
    refusal: str = ""


def database_of(path: RootPath) -> tuple[Database, re.Match[bytes]] | None:
    """The database that a path belongs to, if it does."""
    for database in DATABASES:
        match = database.pattern.fullmatch(path)
        if match is not None:
            return database, match
    return None


def stanzas(content: bytes) -> Iterator[dict[str, str]]:
    """Paragraphs of ``Key: value`` lines; lines that go on begin with a space and are left out."""
    for paragraph in re.split(r"\n[ \t]*\n", content.decode("utf-8", "replace")):
        fields = {}
        for line in paragraph.split("\n"):
            key, colon, value = line.partition(":")
            if colon and not line.startswith((" ", "\t")):
                fields[key] = value.strip()
        if fields:
            yield fields


#: States in deb-control's ``Status`` in which the files of a package are not there.
_ABSENT = {"config-files", "not-installed", "half-installed"}


def _dpkg(match: re.Match[bytes], content: bytes) -> Iterator[Installed]:
    for fields in stanzas(content):
        status = fields.get("Status", "install ok installed").split()
        if "Package" in fields and status[-1] not in _ABSENT:
            name = PackageName("dpkg", fields["Package"], fields.get("Architecture", ""))
            yield name, fields.get("Version", "")


def _apk(match: re.Match[bytes], content: bytes) -> Iterator[Installed]:
    for fields in stanzas(content):
        if "P" in fields:
            yield PackageName("apk", fields["P"], fields.get("A", "")), fields.get("V", "")


def _rpm(match: re.Match[bytes], content: bytes) -> Iterator[Installed]:
    for name, version, architecture in read_rpm(content):
        yield PackageName("rpm", name, architecture), version


def _pip(match: re.Match[bytes], content: bytes) -> Iterator[Installed]:
    head = next(stanzas(content), {})
    name = re.sub(r"[-_.]+", "-", head["Name"]).lower()  # as PEP 503 has it
    yield PackageName("pip", name, location=match["where"]), head["Version"]


def _npm(match: re.Match[bytes], content: bytes) -> Iterator[Installed]:
    document = json.loads(content)
    if isinstance(document, dict) and isinstance(document.get("version"), str):
        yield PackageName("npm", match["name"].decode("utf-8", "replace"), location=match["where"]), document["version"]


_BERKELEY = "is in the Berkeley DB format of rpm, which is not supported"
_NDB = "is in the ndb format of rpm, which is not supported"
_WAL = "holds changes that rpm has not written to its database yet"

DATABASES = (
    Database(re.compile(rb"var/lib/dpkg/(status|status\.d/[^/.][^/]*(?<!\.md5sums))"), _dpkg),
    Database(re.compile(rb"(usr/)?lib/apk/db/installed"), _apk),
    Database(re.compile(rb"(var/lib/rpm|usr/lib/sysimage/rpm)/rpmdb\.sqlite"), _rpm),
    Database(re.compile(rb"(var/lib/rpm|usr/lib/sysimage/rpm)/rpmdb\.sqlite-wal"), None, _WAL),
    Database(re.compile(rb"(var/lib/rpm|usr/lib/sysimage/rpm)/Packages"), None, _BERKELEY),
    Database(re.compile(rb"(var/lib/rpm|usr/lib/sysimage/rpm)/Packages\.db"), None, _NDB),
    Database(
        re.compile(
            rb"(?P<where>(?:.*/)?(?:site|dist)-packages)/[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)", re.S
        ),
        _pip,
    ),
    Database(
        re.compile(rb"(?P<where>(?:.*/)?node_modules)/(?P<name>(?:@[^/]+/)?[^/@.][^/]*)/package\.json", re.S), _npm
    ),
)
