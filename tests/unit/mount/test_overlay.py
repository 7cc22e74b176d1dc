"""Composing overlay mounts."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl.errors import MachineLacks, NoKernelFeature, NoPrivilege, NoSpace
from layerctl.mount import overlay as overlay_module
from layerctl.mount import syscalls
from layerctl.mount.overlay import OverlaySpec, is_upper_in_use, mount_detached
from layerctl.mount.table import mount_at
from layerctl.mount.worktree import WorktreeMount
from layerctl.values import replace

_Make = Callable[..., OverlaySpec]
#: Everything that separates, quotes or ends something in a mount option string.
_ODD = [
    b"co:lon",
    b"com,ma",
    b"back\\slash",
    b"a:b,c\\:d\\,e",
    b"sp ace ",
    b"new\nline",
    b"\xff\xfe",
    b"#",
    b"%41",
    b"'\"",
]


@pytest.fixture
def root(top: Path) -> Path:
    return top / "root"


def _options(root: Path) -> list[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if f" {root} " in line:
            return line.rpartition(" ")[2].split(",")
    raise AssertionError(root)


def test_what_a_distribution_may_have_on_is_off(spec: _Make, root: Path) -> None:
    """Trap 8."""
    WorktreeMount(root).attach(spec("a"))
    shown = _options(root)
    assert "redirect_dir=nofollow" in shown
    assert not {"metacopy=on", "index=on"} & {*shown}


def test_a_rename_of_a_directory_from_below_is_exdev(spec: _Make, root: Path, top: Path) -> None:
    """Trap 10: what it would be with redirect_dir on, the layers do not express."""
    one = spec("a")
    (top / "a-lower/d").mkdir()
    WorktreeMount(root).attach(one)
    with pytest.raises(OSError) as caught:
        os.rename(root / "d", root / "e")
    assert caught.value.errno == errno.EXDEV


@pytest.mark.parametrize("name", _ODD)
def test_layers_in_odd_places(top: Path, name: bytes) -> None:
    """Trap 33."""
    place = Path(os.fsdecode(os.fsencode(top) + b"/" + name))
    for part in ("one", "two", "upper", "work"):
        (place / part).mkdir(parents=True)
    (place / "one/a").write_text("one")
    (place / "two/a").write_text("two")
    (place / "two/b").write_text("two")
    mount = WorktreeMount(place / "root")
    mount.attach(OverlaySpec((place / "one", place / "two"), place / "upper", place / "work"))
    (place / "root/c").write_text("new")
    assert [(place / "root" / name).read_text() for name in "abc"] == ["one", "two", "new"]
    assert (place / "upper/c").exists()
    assert mount.current is not None
    mount.detach()
    assert mount.current is None


def test_layers_far_beyond_a_page_of_options(top: Path, root: Path) -> None:
    """Trap 33: a long option string is cut silently, and the wrong stack is mounted."""
    layers = []
    for number in range(400):
        layer = top / ("x" * 100) / f"{number:03}"
        layer.mkdir(parents=True)
        (layer / f"f{number}").touch()
        (layer / "top").write_text(str(number))
        layers.append(layer)
    WorktreeMount(root).attach(OverlaySpec(tuple(layers), read_only=True))
    assert len(os.listdir(root)) == 401
    assert (root / "top").read_text() == "0"


def test_read_only_means_everybody(spec: _Make, root: Path) -> None:
    WorktreeMount(root).attach(spec("a", read_only=True))
    with pytest.raises(OSError) as caught:
        (root / "new").touch()
    assert caught.value.errno == errno.EROFS


def test_volatile_is_asked_for_or_not_there(spec: _Make, root: Path, top: Path) -> None:
    """Trap 32."""
    WorktreeMount(root).attach(spec("a", volatile=True))
    assert (top / "a-work/work/incompat/volatile").is_dir()
    WorktreeMount(top / "other").attach(spec("b"))
    assert not (top / "b-work/work/incompat").exists()


def test_user_marks_stay_in_the_users_namespace(spec: _Make, root: Path, top: Path) -> None:
    """Trap 5."""
    one = spec("a", userxattr=True)
    (top / "a-lower/d/s").mkdir(parents=True)
    WorktreeMount(root).attach(one)
    subprocess.run(["sh", "-c", "rm -r d && mkdir d"], cwd=root, check=True)
    assert os.listxattr(top / "a-upper/d") == ["user.overlay.opaque"]


def test_a_missing_layer_is_an_error_and_mounts_nothing(spec: _Make, root: Path) -> None:
    with pytest.raises(MachineLacks):
        WorktreeMount(root).attach(replace(spec("a"), lower=(root.parent / "none",)))
    assert mount_at(root) is None


def test_a_filesystem_that_cannot_carry_an_overlay_says_so(root: Path) -> None:
    with pytest.raises(MachineLacks):
        mount_detached(OverlaySpec((Path("/proc/self"), Path("/sys"))))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EPERM, NoPrivilege),
        (errno.EACCES, NoPrivilege),
        (errno.ENODEV, NoKernelFeature),
        (errno.ENOSYS, NoKernelFeature),
        (errno.ENOSPC, NoSpace),
        (errno.EINVAL, MachineLacks),
        (errno.ESTALE, MachineLacks),
    ],
)
def test_what_the_kernel_says_becomes_an_error_that_helps(
    spec: _Make, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[MachineLacks]
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(overlay_module.syscalls, "fsmount", refuse)
    with pytest.raises(MachineLacks) as caught:
        mount_detached(spec("a"))
    assert type(caught.value) is kind


def test_no_descriptor_is_left_open(spec: _Make, root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    mount = WorktreeMount(root)
    mount.attach(spec("a"))
    mount.swap(spec("b"))
    mount.detach()
    with pytest.raises(MachineLacks):
        mount.attach(replace(spec("c"), lower=(root / "none",)))
    assert len(os.listdir("/proc/self/fd")) == before


# who writes to an upperdir


def test_an_upperdir_is_in_use_as_long_as_its_mount(spec: _Make, root: Path, top: Path) -> None:
    one = spec("a")
    assert not is_upper_in_use(top / "a-upper", top)
    WorktreeMount(root).attach(one)
    assert is_upper_in_use(top / "a-upper", top)
    subprocess.run(["umount", root], check=True)
    assert not is_upper_in_use(top / "a-upper", top)


def test_an_upperdir_is_in_use_by_a_mount_that_is_nowhere(spec: _Make, root: Path, top: Path) -> None:
    """Trap 29: after a lazy unmount somebody still writes."""
    WorktreeMount(root).attach(spec("a"))
    with open(root / "held", "w"):
        subprocess.run(["umount", "-l", root], check=True)
        assert mount_at(root) is None
        assert is_upper_in_use(top / "a-upper", top)
    assert not is_upper_in_use(top / "a-upper", top)


def test_an_upperdir_is_in_use_by_a_detached_mount(spec: _Make, top: Path) -> None:
    fd = mount_detached(spec("a"))
    assert is_upper_in_use(top / "a-upper", top)
    os.close(fd)
    assert not is_upper_in_use(top / "a-upper", top)


@pytest.mark.parametrize("name", _ODD)
def test_an_upperdir_in_an_odd_place_is_asked_about_right(top: Path, name: bytes) -> None:
    """Trap 33: a colon made the question fail, and that was taken for a no."""
    place = Path(os.fsdecode(os.fsencode(top) + b"/" + name))
    for part in ("lower", "upper", "work"):
        (place / part).mkdir(parents=True)
    assert not is_upper_in_use(place / "upper", place)
    fd = mount_detached(OverlaySpec((place / "lower",), place / "upper", place / "work"))
    assert is_upper_in_use(place / "upper", place)
    os.close(fd)
    assert not is_upper_in_use(place / "upper", place)


def test_a_question_that_cannot_be_asked_is_no_proof(top: Path, spec: _Make, monkeypatch: pytest.MonkeyPatch) -> None:
    spec("a")

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(overlay_module, "_set_dir", refuse)
    assert is_upper_in_use(top / "a-upper", top)


def test_asking_changes_nothing(spec: _Make, root: Path, top: Path) -> None:
    one = spec("a")
    before = [(path, path.stat().st_mtime_ns, os.listxattr(path)) for path in sorted(top.rglob("*"))]
    is_upper_in_use(top / "a-upper", top)
    assert [(path, path.stat().st_mtime_ns, os.listxattr(path)) for path in sorted(top.rglob("*"))] == before
    WorktreeMount(root).attach(one)
    is_upper_in_use(top / "a-upper", top)
    (root / "still").write_text("writable")


def test_asking_while_somebody_mounts_takes_nothing_away(spec: _Make, root: Path, top: Path) -> None:
    """A question that comes in between must not cost the mount its mark: it would be mounted twice then."""
    one = spec("a")
    program = (
        "import sys\nfrom pathlib import Path\nfrom layerctl.mount.overlay import is_upper_in_use\n"
        "print('ready', flush=True)\nwhile True: is_upper_in_use(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", program, top / "a-upper", top]
    asker = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE)
    lost = 0
    try:
        assert asker.stdout is not None and asker.stdout.readline()
        for _ in range(300):
            fd = mount_detached(one)
            lost += not is_upper_in_use(top / "a-upper", top)
            os.close(fd)
    finally:
        asker.kill()
        asker.wait()
        assert asker.stdout is not None
        asker.stdout.close()
    assert lost == 0


def test_the_kernel_says_why_it_refuses(spec: _Make) -> None:
    context = syscalls.fsopen("overlay")
    try:
        with pytest.raises(OSError):
            syscalls.fsconfig(context, syscalls.Command.SET_STRING, "redirect_dir", "nonsense")
        assert isinstance(syscalls.context_messages(context), str)
    finally:
        os.close(context)
