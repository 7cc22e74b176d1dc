"""``layerctl fsck --repair``: what can be derived is put right, and nothing is made worse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.model.problem import FsckResult
from layerctl.ops.fsck import fsck
from tests.oracle import Listing, assert_same, listing
from tests.support.cli import Repo
from tests.support.damage import (
    OBJECTS,
    Two,
    alter_content,
    flip,
    is_clean,
    layer_path,
    lengthen,
    look,
    object_path,
    swap_mode,
    swap_mtime,
    swap_owner,
    swap_xattr,
    unpack_all,
)
from tests.support.mounts import unmount_below


def repair(repo: Repo, *sources: str, quick: bool = False) -> FsckResult:
    return fsck(repo.top, repair=True, sources=sources, quick=quick)


def kinds(result: FsckResult) -> set[str]:
    return {problem.kind for problem in result.repaired}


def shown(repo: Repo, revision: str = "main") -> Listing:
    """What a commit shows in a fresh worktree."""
    number = len(list((repo.dot / "worktrees").iterdir()))
    made = Repository.open(repo.top).add_worktree(f"w{number}", revision, detach=True)
    found = listing(Path(made.mountpoint))
    Repository.open(repo.top).remove_worktree(f"w{number}")
    return found


@pytest.fixture(scope="module")
def whole(two_once: Two, module_workdir: Path) -> Listing:
    """What the newest commit of the repository shows."""
    subprocess.run(["cp", "-a", two_once.repo.dot, module_workdir], check=True)
    return shown(Repo(module_workdir, two_once.repo.cli))


def is_whole_again(repo: Repo, whole: Listing) -> None:
    is_clean_but_for_leftovers(repo)
    assert shown(repo) == whole
    repo.git("fsck", "--strict")


def is_clean_but_for_leftovers(repo: Repo) -> None:
    assert look(repo) == []
    assert look(repo, quick=True) == []


# --------------------------------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("change", [swap_mode, swap_owner, swap_xattr, swap_mtime])
def test_metadata_are_written_anew(two: Two, whole: Listing, change: Callable[[Path], None]) -> None:
    change(two.repo.layer_fs(two.one) / "srv/data/one")
    change(two.repo.layer_fs(two.second) / "srv")
    result = repair(two.repo)
    assert (result.ok, kinds(result)) == (True, {"changed-file"})
    is_whole_again(two.repo, whole)


@pytest.mark.parametrize("damage", [alter_content, lengthen, os.unlink])
@pytest.mark.parametrize("copy", ["upper", "parked", "layer", "source", "tar"])
def test_content_comes_from_a_copy(two: Two, whole: Listing, damage: Callable[[Path], None], copy: str) -> None:
    repo, place = two.repo, two.repo.layer_fs(two.one) / "srv/data/one"
    folders = {
        "upper": repo.upper / "some/where",
        "parked": repo.dot / "parked/1/upper",
        "layer": two.repo.layer_fs(two.second) / "srv/stray",
    }
    folder = folders.get(copy, repo.top / "source/deep")
    folder.mkdir(parents=True)
    shutil.copy(place, folder / "copy")
    damage(place)
    sources = []
    if copy == "source":
        sources = [str(repo.top / "source")]
    elif copy == "tar":
        subprocess.run(["tar", "-C", repo.top / "source", "-czf", repo.top / "source.tgz", "."], check=True)
        sources = [str(repo.top / "source.tgz")]
    result = repair(repo, *sources)
    assert result.ok, result.problems
    shutil.rmtree(folder, ignore_errors=True)
    is_whole_again(repo, whole)


@pytest.mark.parametrize("damage", [alter_content, lengthen, os.unlink])
def test_content_that_is_lost_is_said_to_be_lost(two: Two, damage: Callable[[Path], None]) -> None:
    place = two.repo.layer_fs(two.one) / "srv/data/one"
    damage(place)
    left = place.read_bytes() if place.exists() else None
    swap_mode(two.repo.layer_fs(two.second) / "srv/data/two")
    swap_owner(two.repo.layer_fs(two.one) / "srv")
    result = repair(two.repo)
    assert not result.ok
    [problem] = [problem for problem in result.problems if problem.path.endswith(b"/one")]
    assert "no whole copy" in problem.text
    assert not problem.repairable
    assert {os.fsdecode(problem.path) for problem in result.repaired} >= {layer_path(two.second, "srv/data/two")}
    assert layer_path(two.one, "srv") in {os.fsdecode(problem.path) for problem in result.repaired}
    assert (place.read_bytes() if place.exists() else None) == left
    assert repair(two.repo).repaired == ()


def test_a_renamed_and_an_extra_file(two: Two, whole: Listing) -> None:
    fs = two.repo.layer_fs(two.one)
    (fs / "srv/data/one").rename(fs / "srv/moved")
    (fs / "etc").mkdir()
    (fs / "etc/extra").write_text("nobody knows")
    result = repair(two.repo)
    assert kinds(result) >= {"missing-file", "extra-file"}
    is_whole_again(two.repo, whole)
    assert result.report is not None
    [extra] = Path(result.report).rglob("extra")
    assert extra.read_text() == "nobody knows"
    assert os.fspath(extra.relative_to(result.report)) == layer_path(two.one, "etc/extra")


def test_another_type_and_an_opaque_mark(two: Two, whole: Listing) -> None:
    fs = two.repo.layer_fs(two.one)
    os.setxattr(fs / "srv", "trusted.overlay.opaque", b"y")
    (fs / "srv/data/one").rename(fs / "srv/data/kept")
    os.symlink("/etc/passwd", fs / "srv/data/one")
    assert repair(two.repo).ok
    is_whole_again(two.repo, whole)


def test_a_missing_layer_is_made_again_if_all_of_it_is_somewhere(two: Two, whole: Listing) -> None:
    folder = two.repo.layer_fs(two.second).parent
    shutil.rmtree(folder)
    result = repair(two.repo)
    assert not result.ok
    assert "no whole copy of srv/data/two" in result.problems[0].text
    assert not folder.exists()
    (two.repo.top / "copy").mkdir()
    (two.repo.top / "copy/x").write_text("two\n")
    assert repair(two.repo, str(two.repo.top / "copy")).ok
    assert json.loads((folder / "layer.json").read_text())["id"] == folder.name
    is_whole_again(two.repo, whole)


def test_hard_links(repo: Repo) -> None:
    os.link(repo.write("srv/a", "linked"), repo.rootfs / "srv/b")
    repo.write("srv/c", "apart")
    made = repo.commit("a pair")
    before = repo.listing()
    unmount_below(repo.top)
    fs = repo.layer_fs(made)
    subprocess.run(["cp", "-a", fs / "srv/a", fs / "srv/x"], check=True)
    (fs / "srv/x").rename(fs / "srv/b")
    result = repair(repo)
    assert kinds(result) >= {"wrong-links", "changed-file"}
    is_clean_but_for_leftovers(repo)
    assert (fs / "srv/a").stat().st_ino == (fs / "srv/b").stat().st_ino
    repo.cli("checkout")
    assert_same(before, repo.rootfs)


def test_what_is_mounted_is_left_alone(two: Two) -> None:
    repo = two.repo
    Repository.open(repo.top).checkout("main")
    place = repo.layer_fs(two.one) / "srv/data/one"
    swap_mode(place)
    inode = place.stat().st_ino
    result = repair(repo)
    assert "it is mounted" in result.problems[0].text
    assert place.stat().st_ino == inode
    holder = subprocess.Popen(["sleep", "60"], cwd=repo.rootfs / "srv")
    try:
        subprocess.run(["umount", "-l", repo.rootfs], check=True)
        assert "a process still uses a rootfs" in repair(repo).problems[0].text
    finally:
        holder.kill()
        holder.wait()
    for _ in range(50):
        if (result := repair(repo)).ok:
            break
    assert result.ok


# ------------------------------------------------------------------------------------------------------ compacted runs


def runs_of(repo: Repo) -> Iterator[Path]:
    yield from sorted((repo.dot / "layers/compacted").iterdir())


def test_a_compacted_run_helps_a_layer_and_the_reverse(compacted: Repo) -> None:
    before = shown(compacted)
    run = next(run for run in runs_of(compacted) if (run / "fs/f1").is_file())
    [layer] = [fs for fs in compacted.dot.glob("layers/*/fs") if _same(fs / "f1", run / "fs/f1")]
    content = (layer / "f1").read_bytes()
    status = (layer / "f1").stat()
    (layer / "f1").unlink()
    (layer / "f1").write_bytes(b"?" * len(content))
    os.utime(layer / "f1", ns=(1, status.st_mtime_ns))
    assert repair(compacted).ok
    assert (layer / "f1").read_bytes() == content
    alter_content(layer / "f1")
    (run / "fs/f2").unlink(missing_ok=True)
    (run / "run.json").unlink()
    result = repair(compacted)
    assert result.ok, result.problems
    is_clean_but_for_leftovers(compacted)
    assert shown(compacted) == before


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and one.stat().st_ino == other.stat().st_ino


def test_an_inode_that_a_layer_shares_with_a_run_is_never_written_to(compacted: Repo) -> None:
    run = next(run for run in runs_of(compacted) if (run / "fs/f1").is_file())
    swap_mode(run / "fs/f1")
    paths = {problem.path.split(b"/")[1] for problem in look(compacted)}
    assert len(paths) > 1
    assert repair(compacted).ok
    is_clean_but_for_leftovers(compacted)


def test_a_run_that_cannot_be_mended_is_dropped(compacted: Repo) -> None:
    before = shown(compacted)
    for run in runs_of(compacted):
        (run / "run.json").unlink()
        shutil.rmtree(run / "fs")
    assert repair(compacted).ok
    assert list(runs_of(compacted)) == []
    assert shown(compacted) == before


# ------------------------------------------------------------------------------------------------------------------ git


@pytest.mark.parametrize("how", ["broken", "missing"])
def test_objects_of_a_snapshot_are_made_again_from_the_layer(two: Two, whole: Listing, how: str) -> None:
    repo = two.repo
    unpack_all(repo)
    for oid in [repo.git("rev-parse", name).strip() for name in OBJECTS[4:]]:
        path = repo.dot / object_path(repo, oid)
        flip(path) if how == "broken" else path.unlink()
    result = repair(repo)
    assert (result.ok, kinds(result)) == (True, {f"{how}-object"})
    is_whole_again(repo, whole)


def test_objects_that_are_lost_are_said_to_be_lost(two: Two) -> None:
    repo = two.repo
    for name in OBJECTS[:4]:
        path = repo.dot / object_path(repo, repo.git("rev-parse", name).strip())
        whole = path.read_bytes()
        flip(path)
        damaged = path.read_bytes()
        result = repair(repo)
        assert not result.ok
        assert result.repaired == ()
        assert path.read_bytes() == damaged
        path.write_bytes(whole)


def test_a_broken_object_gives_way_to_a_whole_copy_in_a_pack(two: Two, whole: Listing) -> None:
    repo = two.repo
    repo.git("repack", "-aq")
    path = repo.dot / object_path(repo, repo.head("main"))
    flip(path)
    assert repair(repo).ok
    assert not path.exists()
    is_whole_again(repo, whole)


def test_a_damaged_pack_is_taken_apart(two: Two, whole: Listing) -> None:
    repo = two.repo
    repo.git("repack", "-adfq")
    [pack] = (repo.dot / "git/objects/pack").glob("*.pack")
    flip(pack, -5)
    assert repair(repo).ok
    assert not pack.exists()
    is_whole_again(repo, whole)


def test_a_pack_without_an_index_is_read_through(two: Two, whole: Listing) -> None:
    repo = two.repo
    repo.git("-c", "pack.window=0", "repack", "-adfq")
    [index] = (repo.dot / "git/objects/pack").glob("*.idx")
    index.unlink()
    result = repair(repo)
    assert result.ok, result.problems
    is_whole_again(repo, whole)


def test_refs_come_back_from_their_reflogs(two: Two, whole: Listing) -> None:
    repo = two.repo
    git = repo.dot / "git"
    head = repo.head("main")
    (git / "refs/heads/main").write_text(head[:10])
    (git / "refs/layerctl/worktrees/default").write_text("1" * 40 + "\n")
    with (git / "logs/refs/heads/main").open("a") as file:
        file.write("nonsense\n")
    (git / "HEAD").unlink()
    (git / "refs/heads/topic.lock").touch()
    result = repair(repo)
    assert result.ok, result.problems
    assert repo.head("main") == head
    is_whole_again(repo, whole)
    (git / "refs/heads/gone").write_text("1" * 40 + "\n")
    result = repair(repo)
    assert not result.ok
    assert (git / "refs/heads/gone").exists()


@pytest.mark.parametrize("content", [None, b"[core\n", b"[core]\n\tbare = true\n"])
def test_the_config(two: Two, whole: Listing, content: bytes | None) -> None:
    path = two.repo.dot / "git/config"
    path.unlink() if content is None else path.write_bytes(content)
    result = repair(two.repo)
    assert result.ok, result.problems
    assert two.repo.git("config", "layerctl.namespace") == "trusted\n"
    is_whole_again(two.repo, whole)


# ----------------------------------------------------------------------------------------------- worktrees and journal


def test_worktrees_come_back_from_the_log(two: Two) -> None:
    repo = two.repo
    repository = Repository.open(repo.top)
    for name in ("a", "b", "c"):
        repository.add_worktree(name)
    repository.add_worktree("d", "main~1", detach=True)
    subprocess.run("umount rootfs-*", shell=True, cwd=repo.top, check=True)
    folder = repo.dot / "worktrees"
    heads = {path.parent.name: path.read_text() for path in folder.glob("*/HEAD")}
    records = {path.parent.name: path.read_text() for path in folder.glob("*/worktree.json")}
    for name in heads:
        (folder / name / "HEAD").unlink()
        (folder / name / "worktree.json").write_text("{")
    (folder / "default/upper/precious").write_text("uncommitted")
    shutil.rmtree(folder / "a/upper")
    shutil.rmtree(folder / "b/work")
    result = repair(repo)
    assert result.ok, result.problems
    assert {path.parent.name: path.read_text() for path in folder.glob("*/HEAD")} == heads
    assert {path.parent.name: path.read_text() for path in folder.glob("*/worktree.json")} == records
    assert (folder / "default/upper/precious").read_text() == "uncommitted"
    assert (folder / "a/upper").stat().st_mode == (repo.dot / layer_path(two.second)).stat().st_mode
    for name in heads:
        repo.cli("-w", name, "checkout")
        changed = {change["path"] for change in repo.cli.json("-w", name, "status")["changes"]}
        assert changed == ({"", "precious"} if name == "default" else set())


def test_worktrees_come_back_without_the_log(two: Two) -> None:
    repo = two.repo
    shutil.rmtree(repo.dot / "journal/ops")
    before = {path: path.read_text() for path in (repo.dot / "worktrees").glob("*/*") if path.suffix == ".json"}
    (repo.dot / "worktrees/default/HEAD").unlink()
    (repo.dot / "worktrees/default/worktree.json").unlink()
    assert repair(repo).ok
    assert (repo.dot / "worktrees/default/HEAD").read_text() == "ref: refs/heads/main\n"
    assert {path: path.read_text() for path in before} == before
    (repo.dot / "worktrees/default/worktree.json").unlink()
    (repo.upper / "precious").write_text("uncommitted")
    result = repair(repo)
    assert "uncommitted changes" in result.problems[0].text
    assert (repo.upper / "precious").exists()


def test_a_lost_default_worktree_and_a_lost_branch(two: Two, whole: Listing) -> None:
    repo = two.repo
    head = repo.head("main")
    shutil.rmtree(repo.dot / "worktrees/default")
    assert repair(repo).ok
    repo.cli("checkout")
    assert_same(whole, repo.rootfs)
    subprocess.run(["umount", repo.rootfs], check=True)
    (repo.dot / "git/refs/heads/main").unlink()
    assert repair(repo).ok
    assert repo.head("main") == head


def test_the_ref_that_follows_head_is_made_again(two: Two) -> None:
    (two.repo.dot / "git/refs/layerctl/worktrees/default").unlink()
    assert kinds(repair(two.repo)) == {"worktree-without-ref"}
    assert two.repo.head("refs/layerctl/worktrees/default") == two.repo.head("main")


def test_a_lost_operation_can_be_listed_and_not_be_undone(two: Two) -> None:
    repo = two.repo
    newest = sorted((repo.dot / "journal/ops").iterdir())[-1]
    damaged = newest.read_bytes()[:50]
    newest.write_bytes(damaged)
    (repo.dot / "journal/ops/0000000002.json").unlink()
    (repo.dot / "journal/pending.json").write_bytes(b"torn")
    result = repair(repo)
    assert result.ok, result.problems
    is_clean_but_for_leftovers(repo)
    assert [row["verb"] for row in repo.cli.json("op", "log")] == ["lost", "commit", "lost", "import"]
    before = repo.recorded()
    repo.cli.run("undo", check=False, code=4)
    assert {path: state for path, state in repo.recorded().items() if "/tmp" not in path} == {
        path: state for path, state in before.items() if "/tmp" not in path
    }
    assert result.report is not None
    assert (Path(result.report) / "journal/ops" / newest.name).read_bytes() == damaged
    assert (Path(result.report) / "journal/pending.json").read_bytes() == b"torn"


# ------------------------------------------------------------------------------------------------------ everything else


def test_folders_format_and_garbage(two: Two, whole: Listing) -> None:
    repo = two.repo
    (repo.dot / "format").unlink()
    shutil.rmtree(repo.dot / "tmp")
    shutil.rmtree(repo.dot / "parked")
    (repo.dot / "journal/.pending.json.1").touch()
    (repo.dot / "unknown").write_text("of use to somebody")
    result = repair(repo)
    assert result.ok
    assert result.problems == ()
    is_whole_again(repo, whole)
    assert not (repo.dot / "journal/.pending.json.1").exists()
    assert result.report is not None
    assert (Path(result.report) / "unknown").read_text() == "of use to somebody"
    report = json.loads((Path(result.report) / "report.json").read_text())
    assert {row["kind"] for row in report["repaired"]} == kinds(result)
    assert report["set_aside"] == ["unknown"]
    is_clean(repo)


def test_a_healthy_repository_is_left_as_it_is(two: Two) -> None:
    before = two.repo.recorded()
    result = repair(two.repo)
    assert (result.repaired, result.report) == ((), None)
    assert two.repo.recorded() == before


def test_the_command(two: Two) -> None:
    cli = two.repo.cli
    swap_mode(two.repo.layer_fs(two.one) / "srv/data/one")
    result = cli("fsck", code=5)
    assert "'layerctl fsck --repair' puts right what it can." in result.stderr
    cli.fails(2, "fsck", "--source", "x")
    result = cli("fsck", "--repair")
    assert result.lines[0].startswith("repaired changed-file layers/")
    assert result.lines[-1].endswith(": all is well")
    assert "lost+found" in result.stderr
    assert cli.json("fsck", "--repair")["repaired"] == []


def test_a_repair_waits_for_nobody_at_work(two: Two) -> None:
    from layerctl.store.locks import RepositoryLock  # noqa: PLC0415

    with RepositoryLock(two.repo.dot / "lock").in_use():
        assert fsck(two.repo.top).ok
        command = two.repo.cli.start("fsck", "--repair", stderr=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            command.wait(1)
    assert command.wait(20) == 0
    command.stderr.close()  # type: ignore[union-attr]
