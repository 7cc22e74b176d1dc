"""``layerctl fsck``: every kind of damage is found and named, and a healthy repository is not blamed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from layerctl import Repository
from layerctl.model.problem import Severity
from layerctl.ops.fsck import fsck
from tests.conftest import Spawn
from tests.support.cli import Repo
from tests.support.damage import (
    OBJECTS,
    Two,
    alter_content,
    find,
    flip,
    ids,
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

# -------------------------------------------------------------------------------------------------------- healthy ones


def test_a_fresh_repository_is_clean(empty_repo: Repo) -> None:
    is_clean(empty_repo)
    empty_repo.cli("fsck")


def test_a_busy_life_is_clean(repo: Repo, spawn: Spawn) -> None:
    """Commits of all ways, amend, rollback with parked work, undo, tags, odd names, hard links, detached worktrees."""
    root = os.fsencode(repo.rootfs)
    for name in (b"new\nline", b"\xff\xfe", b"sp ace", b".git", b"%entries", b".wh.x"):
        (Path(os.fsdecode(root + b"/srv-" + name))).write_bytes(name)
    os.link(repo.write("srv/a", "linked"), repo.rootfs / "srv/b")
    os.symlink("a", repo.rootfs / "srv/link")
    os.mkfifo(repo.rootfs / "srv/fifo")
    repo.commit("odd names")
    shutil.rmtree(repo.rootfs / "etc")
    (repo.rootfs / "etc").mkdir()
    repo.commit("made again")
    (repo.rootfs / "srv/b").chmod(0o600)
    repo.commit("the pair's mode")
    os.unlink(repo.rootfs / "srv/a")
    spawn(["sleep", "60"], cwd=repo.rootfs)
    repo.commit("busy")
    repo.write("srv/more", "more")
    repo.commit("amended", "--amend")
    repo.write("srv/uncommitted", "x")
    repo.cli("rollback")
    repo.cli("undo")
    repo.cli("tag", "-m", "first", "v1")
    repo.cli("branch", "topic", "HEAD~1")
    repo.cli("worktree", "add", "other", "topic")
    repo.cli("worktree", "add", "gone", "HEAD~2", "--detach")
    repo.cli("worktree", "remove", "gone")
    repo.cli("branch", "short", "HEAD~1")
    repo.cli("branch", "-D", "short")
    repo.commit("empty", "--allow-empty")
    is_clean(repo)
    repo.git("fsck", "--strict")


def test_compacted_runs_are_clean(compacted: Repo) -> None:
    names = {path.name[41:] for path in (compacted.dot / "layers/compacted").iterdir()}
    assert {"0", "1", "2"} <= names
    is_clean(compacted)


def test_plain_git_may_pack_everything(two: Two) -> None:
    repo = two.repo
    repo.git("-c", "pack.writeReverseIndex=true", "repack", "-adfq")
    repo.git("pack-refs", "--all")
    is_clean(repo)


# --------------------------------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (alter_content, "content differs"),
        (lengthen, "content differs (5 bytes instead of 4)"),
        (swap_mode, "mode differs"),
        (swap_owner, "owner differs"),
        (swap_xattr, "extended attributes differ"),
        (swap_mtime, "mtime differs"),
    ],
)
def test_a_changed_file(two: Two, change: Callable[[Path], None], says: str) -> None:
    repo, one, second = two.repo, two.one, two.second
    change(repo.layer_fs(one) / "srv/data/one")
    problem = find(repo, "changed-file", layer_path(one, "srv/data/one"))
    assert problem.text == says
    assert ids(problem) == [one["commit"], second["commit"]]
    seen_quickly = change is not alter_content
    assert bool(look(repo, quick=True)) == seen_quickly


def test_a_missing_an_extra_and_a_renamed_file(two: Two) -> None:
    repo, one, second = two.repo, two.one, two.second
    (repo.layer_fs(one) / "srv/data/one").rename(repo.layer_fs(one) / "srv/moved")
    (repo.layer_fs(second) / "srv/data/extra").mkdir()
    problems = {(problem.kind, os.fsdecode(problem.path)): problem for problem in look(repo)}
    missing = problems["missing-file", layer_path(one, "srv/data/one")]
    assert "its content is at srv/moved" in missing.text
    assert ids(missing) == [one["commit"], second["commit"]]
    assert ("extra-file", layer_path(one, "srv/moved")) in problems
    assert ids(problems["extra-file", layer_path(second, "srv/data/extra")]) == [second["commit"]]


def test_a_missing_directory_is_one_problem(two: Two) -> None:
    repo, one = two.repo, two.one
    shutil.rmtree(repo.layer_fs(one) / "srv")
    problem = find(repo, "missing-file", layer_path(one, "srv"))
    assert "with 2 paths below it" in problem.text


def test_another_type_a_whiteout_and_an_opaque_mark(two: Two) -> None:
    repo, one, second = two.repo, two.one, two.second
    (repo.layer_fs(one) / "srv/data/one").unlink()
    os.symlink("x", repo.layer_fs(one) / "srv/data/one")
    os.setxattr(repo.layer_fs(second) / "srv", "trusted.overlay.opaque", b"y")
    problem = find(repo, "changed-file", layer_path(one, "srv/data/one"))
    assert problem.text == "should be of type file, and is link"
    find(repo, "opaque-mark", layer_path(second, "srv"))
    (repo.layer_fs(one) / "srv/data/one").unlink()
    os.mknod(repo.layer_fs(one) / "srv/data/one", 0o020000, os.makedev(0, 0))
    assert find(repo, "changed-file", layer_path(one, "srv/data/one")).text == "is a deletion mark"


def test_an_overlay_that_is_half_a_layer(two: Two) -> None:
    os.setxattr(two.repo.layer_fs(two.one) / "srv/data/one", "trusted.overlay.metacopy", b"")
    find(two.repo, "unreadable-file", layer_path(two.one, "srv/data/one"))
    os.setxattr(two.repo.layer_fs(two.second), "trusted.overlay.redirect", b"/x")
    find(two.repo, "unreadable-file", layer_path(two.second))


def test_broken_hard_links(repo: Repo) -> None:
    os.link(repo.write("srv/a", "linked"), repo.rootfs / "srv/b")
    made = repo.commit("a pair")
    fs = repo.layer_fs(made)
    when = (fs / "srv").stat().st_mtime_ns
    subprocess.run(["cp", "-a", fs / "srv/a", fs / "srv/c"], check=True)
    (fs / "srv/c").rename(fs / "srv/b")
    os.utime(fs / "srv", ns=(1, when))
    [problem] = look(repo)
    assert (problem.kind, os.fsdecode(problem.path)) == ("wrong-links", layer_path(made, "srv/a"))
    assert ids(problem) == [made["commit"]]


def test_a_missing_layer(two: Two) -> None:
    repo, one, second = two.repo, two.one, two.second
    shutil.rmtree(repo.layer_fs(one).parent)
    problem = find(repo, "missing-layer", f"layers/{one['layer']['id']}")
    assert ids(problem) == [one["commit"], second["commit"]]
    find(repo, "missing-layer", f"layers/{one['layer']['id']}", quick=True)


def test_a_layer_without_its_descriptor_or_with_another(two: Two) -> None:
    repo, one, second = two.repo, two.one, two.second
    (repo.layer_fs(one).parent / "layer.json").unlink()
    path = repo.layer_fs(second).parent / "layer.json"
    path.write_text(path.read_text().replace("trusted", "user"))
    found_at = {os.fsdecode(problem.path) for problem in look(repo) if problem.kind == "damaged-descriptor"}
    assert found_at == {f"layers/{commit['layer']['id']}/layer.json" for commit in (one, second)}


def test_a_layer_that_no_commit_has_is_checked_by_its_id(two: Two) -> None:
    repo, second = two.repo, two.second
    repo.cli("rollback", "HEAD~2")
    for path in (repo.dot / "git/logs").rglob("*"):
        if path.is_file():
            path.unlink()
    shutil.rmtree(repo.dot / "journal/ops")
    for ref in repo.git("for-each-ref", "--format=%(refname)", "refs/layerctl/operations").split():
        repo.git("update-ref", "-d", ref)
    assert look(repo) == []
    alter_content(repo.layer_fs(second) / "srv/data/two")
    assert ids(find(repo, "damaged-layer", layer_path(second))) == []


def test_compacted_runs_that_differ(compacted: Repo) -> None:
    runs = sorted((compacted.dot / "layers/compacted").iterdir())
    victim = next(run for run in runs if (run / "fs/f1").is_file())
    name = f"layers/compacted/{victim.name}"
    content = (victim / "fs/f1").read_bytes()
    (victim / "fs/f1").unlink()
    (victim / "fs/f1").write_bytes(content)
    problem = find(compacted, "changed-file", f"{name}/fs/f1")
    assert problem.text == "mtime differs"
    assert victim.name[:40] in ids(problem)
    (victim / "run.json").write_bytes((victim / "run.json").read_bytes().replace(b'"top": "', b'"top": "0'))
    find(compacted, "damaged-run", f"{name}/run.json")
    shutil.rmtree(victim / "fs")
    (victim / "run.json").unlink()
    find(compacted, "damaged-run", f"{name}/run.json", quick=True)


def test_a_run_of_commits_that_are_gone_is_no_problem(compacted: Repo) -> None:
    [run, *_] = sorted((compacted.dot / "layers/compacted").iterdir())
    run.rename(run.with_name("1" * 40 + "-1"))
    [problem] = fsck(compacted.top).problems
    assert (problem.severity, problem.kind) == (Severity.NOTE, "unused-run")


# ------------------------------------------------------------------------------------------------------------------ git


@pytest.mark.parametrize("name", OBJECTS)
def test_a_broken_or_missing_object(two: Two, name: str) -> None:
    repo, one, second = two.repo, two.one, two.second
    unpack_all(repo)
    oid = repo.git("rev-parse", name).strip()
    path = repo.dot / object_path(repo, oid)
    flip(path)
    problem = find(repo, "broken-object", object_path(repo, oid))
    assert (problem.severity.value, one["commit"] in ids(problem)) == ("error", True)
    path.unlink()
    problem = find(repo, "missing-object", object_path(repo, oid))
    assert one["commit"] in ids(problem)
    if name == "main~1":
        assert ids(problem) == [one["commit"], second["commit"]]
    find(repo, "missing-object", object_path(repo, oid), quick=True)


def test_a_damaged_pack(two: Two) -> None:
    repo = two.repo
    repo.git("repack", "-adfq")
    [pack] = (repo.dot / "git/objects/pack").glob("*.pack")
    for path, place in ((pack, 20), (pack, -10), (pack.with_suffix(".idx"), -30), (pack.with_suffix(".idx"), 1500)):
        path.chmod(0o600)
        whole = path.read_bytes()
        data = bytearray(whole)
        data[place] ^= 16
        path.write_bytes(data)
        find(repo, "damaged-pack", f"git/objects/pack/{pack.name}")
        path.write_bytes(whole)
    pack.with_suffix(".idx").unlink()
    find(repo, "damaged-pack", f"git/objects/pack/{pack.name}")


def test_refs_that_lead_nowhere(two: Two) -> None:
    repo, second = two.repo, two.second
    heads = repo.dot / "git/refs/heads"
    (heads / "nowhere").write_text("1" * 40 + "\n")
    (heads / "tree").write_text(repo.git("rev-parse", "main^{tree}"))
    (repo.dot / "git/refs/tags/torn").write_text(second["commit"][:30])
    problem = find(repo, "damaged-ref", "git/refs/tags/torn")
    assert problem.severity.value == "error"
    problems = {os.fsdecode(problem.path): problem for problem in look(repo) if problem.kind == "ref-to-nowhere"}
    assert set(problems) == {"git/refs/heads/nowhere", "git/refs/heads/tree"}
    assert ids(problems["git/refs/heads/nowhere"]) == ["1" * 40]


def test_a_damaged_reflog_and_a_packed_ref(two: Two) -> None:
    repo = two.repo
    repo.git("pack-refs", "--all")
    with (repo.dot / "git/packed-refs").open("a") as file:
        file.write("123 refs/heads/x\n")
    find(repo, "damaged-ref", "git/packed-refs")
    with (repo.dot / "git/logs/refs/heads/main").open("a") as file:
        file.write("nonsense\n")
    find(repo, "damaged-reflog", "git/logs/refs/heads/main")


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("HEAD", None, "damaged-head"),
        ("HEAD", b"\xff\n", "damaged-head"),
        ("config", None, "damaged-config"),
        ("config", b"[core\n", "damaged-config"),
    ],
)
def test_a_repository_that_libgit2_does_not_open(two: Two, path: str, content: bytes | None, kind: str) -> None:
    repo = two.repo
    place = repo.dot / "git" / path
    if content is None:
        place.unlink()
    else:
        place.write_bytes(content)
    assert find(repo, kind, f"git/{path}").repairable


def test_a_stale_lock(two: Two) -> None:
    repo = two.repo
    (repo.dot / "git/refs/heads/main.lock").touch()
    assert find(repo, "stale-lock", "git/refs/heads/main.lock").severity.value == "warning"
    os.utime(repo.dot / "git/refs/heads/main.lock", (1, 1))
    find(repo, "stale-lock", "git/refs/heads/main.lock", quick=True)


# ----------------------------------------------------------------------------------------------- worktrees and journal


def test_worktrees(two: Two) -> None:
    repo = two.repo
    repository = Repository.open(repo.top)
    for name in ("a", "b", "c", "d", "e", "f"):
        repository.add_worktree(name)
    subprocess.run("umount rootfs-*", shell=True, cwd=repo.top, check=True)
    folder = repo.dot / "worktrees"
    (folder / "a/HEAD").unlink()
    (folder / "b/HEAD").write_text("ref: refs/heads/a")
    (folder / "c/worktree.json").unlink()
    record = (folder / "d/worktree.json").read_text()
    (folder / "d/worktree.json").write_text(record.replace('"volatile": false', '"volatile": true'))
    shutil.rmtree(folder / "e/upper")
    (folder / "f/HEAD").write_text("ref: refs/heads/main\n")
    problems = {(problem.kind, os.fsdecode(problem.path)) for problem in look(repo)}
    assert problems == {
        ("missing-worktree-head", "worktrees/a/HEAD"),
        ("damaged-worktree-head", "worktrees/b/HEAD"),
        ("missing-worktree-record", "worktrees/c/worktree.json"),
        ("damaged-worktree-record", "worktrees/d/worktree.json"),
        ("missing-write-layer", "worktrees/e/upper"),
        ("branch-checked-out-twice", "worktrees/f/HEAD"),
    }


def test_a_missing_default_worktree(two: Two) -> None:
    repo = two.repo
    shutil.rmtree(repo.dot / "worktrees/default")
    find(repo, "missing-worktree", "worktrees/default")


def test_a_worktree_on_a_branch_or_a_base_that_is_gone(two: Two) -> None:
    repo = two.repo
    (repo.dot / "git/refs/heads/main").unlink()
    find(repo, "worktree-without-branch", "worktrees/default/HEAD")
    (repo.dot / "worktrees/default/HEAD").write_text("1" * 40 + "\n")
    find(repo, "worktree-to-nowhere", "worktrees/default/HEAD")


def test_operation_records(two: Two) -> None:
    repo = two.repo
    ops = repo.dot / "journal/ops"
    text = (ops / "0000000002.json").read_text()
    (ops / "0000000002.json").write_text(text.replace("checkout", "checkouu", 1))
    (ops / "0000000003.json").rename(ops / "0000000009.json")
    problems = {(problem.kind, os.fsdecode(problem.path)) for problem in look(repo)}
    gap = {("missing-operation", f"journal/ops/{number:010d}.json") for number in (3, *range(5, 9))}
    assert problems == {
        ("damaged-operation", "journal/ops/0000000002.json"),
        ("damaged-operation", "journal/ops/0000000009.json"),
        *gap,
    }


def test_a_damaged_and_a_stuck_pending_operation(two: Two) -> None:
    repo = two.repo
    record = (repo.dot / "journal/ops/0000000002.json").read_bytes()
    pending = repo.dot / "journal/pending.json"
    pending.write_bytes(record[:100])
    repo.cli.fails(5, "status")
    find(repo, "damaged-pending-operation", "journal/pending.json")
    pending.write_bytes(record)
    shutil.rmtree(repo.upper)
    find(repo, "stuck-operation", "journal/pending.json")


def test_an_interrupted_operation_is_finished_first(two: Two) -> None:
    repo = two.repo
    Repository.open(repo.top).create_branch("topic")
    os.rename(repo.dot / "journal/ops/0000000005.json", repo.dot / "journal/pending.json")
    is_clean(repo)
    assert not (repo.dot / "journal/pending.json").exists()


# ------------------------------------------------------------------------------------------------------ everything else


@pytest.mark.parametrize("content", [None, b"", b"x\n"])
def test_a_lost_format_file(two: Two, content: bytes | None) -> None:
    repo = two.repo
    path = repo.dot / "format"
    path.unlink() if content is None else path.write_bytes(content)
    find(repo, "damaged-format", "format")
    repo.cli("--repo", repo.dot, "fsck", code=5)


def test_a_newer_format_is_refused(two: Two) -> None:
    repo = two.repo
    (repo.dot / "format").write_text("2\n")
    assert "format '2'" in repo.cli.fails(5, "fsck").stderr


def test_missing_folders_and_leftovers(two: Two) -> None:
    repo = two.repo
    shutil.rmtree(repo.dot / "tmp")
    find(repo, "missing-folder", "tmp")
    (repo.dot / "tmp/half-made").mkdir(parents=True)
    (repo.dot / "journal/.pending.json.12345678").touch()
    (repo.dot / "layers/strange").mkdir()
    (repo.dot / "worktrees/default/.HEAD.12345678").touch()
    temporary = repo.dot / "git/objects/pack/tmp_pack_1"
    temporary.touch()
    os.utime(temporary, (1, 1))
    problems = fsck(repo.top).problems
    assert {(problem.kind, os.fsdecode(problem.path)) for problem in problems} == {
        ("leftover", "tmp/half-made"),
        ("leftover", "journal/.pending.json.12345678"),
        ("unknown-file", "layers/strange"),
        ("leftover", "worktrees/default/.HEAD.12345678"),
        ("leftover", "git/objects/pack/tmp_pack_1"),
    }


def test_no_repository(workdir: Path, empty_repo: Repo) -> None:
    empty_repo.cli.fails(3, "fsck", cwd="/")


def test_what_people_read(two: Two) -> None:
    repo, one = two.repo, two.one
    swap_mode(repo.layer_fs(one) / "srv/data/one")
    result = repo.cli("fsck", code=5)
    assert result.lines[0].startswith(
        f"error    changed-file {layer_path(one, 'srv/data/one')}: mode differs (affects "
    )
    assert result.lines[-1].startswith("checked 3 commits, 3 layers, 0 compacted runs, ")
    assert result.lines[-1].endswith(": 1 error")
