"""The same on crun, which must not see a hybrid cgroup layout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from layerctl.runtime import CgroupLayout, Runtime, cgroup_layout, find_runtime
from layerctl.runtime.result import failed_to_start
from tests.unit.runtime.conftest import SEARCH_PATH, Box

CRUN = find_runtime(("crun",), search_path=SEARCH_PATH)
#: A tmpfs in place of the v2 mount, as crun makes directories there, which would land in the host's own tmpfs.
_WITHOUT_V2 = """
mount --make-rprivate /
if umount /sys/fs/cgroup/unified 2>/dev/null; then mount -t tmpfs none /sys/fs/cgroup/unified; fi
exec "$@"
"""


def _crun(box: Box, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["unshare", "-m", "sh", "-c", _WITHOUT_V2, "sh", *box.command(*argv, program=CRUN)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30)


def test_statuses(box: Box) -> None:
    assert _crun(box, "sh", "-c", "exit 3").returncode == 3
    assert _crun(box, "nosuch").returncode == 127
    assert _crun(box, "/etc").returncode == 126
    assert Runtime(CRUN, box.runtime.root).list() == ()


def test_isolation_and_streams(box: Box) -> None:
    data = bytes(range(256)) * 100
    assert _crun(box, "cat", stdin=data).stdout == data
    ran = _crun(box, "sh", "-c", "grep -E 'CapEff|Seccomp:' /proc/self/status; unshare -U true; hostname x")
    assert ran.stdout.split() == [b"CapEff:", b"00000000a80425fb", b"Seccomp:", b"2"]
    assert ran.stderr.count(b"ermi") == 2


def test_a_hybrid_layout_is_explained() -> None:
    result = failed_to_start('{"msg":"cgroups in hybrid mode not supported, drop all","level":"error"}\n')
    assert result.status == 125
    assert result.hint is not None
    assert "install runc" in result.hint


def test_layouts(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    v1, v2 = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    for text, layout in ((v1, "v1"), (v2, "v2"), (v1 + v2, "hybrid"), ("proc /proc proc rw 0 0\n", "none")):
        table.write_text(text)
        assert cgroup_layout(table) is CgroupLayout(layout)
    assert cgroup_layout() is not CgroupLayout.NONE
