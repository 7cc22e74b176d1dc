"""``import layerctl``: the public API, and the package that carries it."""

from __future__ import annotations

import inspect
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import layerctl as api
from tests.support.cli import Layerctl, Repo

PROJECT = Path(__file__).resolve().parents[2]
METHODS = [
    "init", "import_image", "checkout", "add_worktree", "list_worktrees", "remove_worktree", "status", "commit", "log",
    "show", "diff", "create_tag", "create_branch", "reflog", "rollback", "undo", "run", "set_config", "doctor",
]  # fmt: skip


def _python(cli: Layerctl, code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=cli.cwd, env=cli.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_gives_repository_without_a_terminal_in_sight(layerctl: Layerctl) -> None:
    code = (
        "import sys, layerctl; layerctl.Repository; print([m for m in ('rich', 'typer', 'click') if m in sys.modules])"
    )
    assert _python(layerctl, code) == "[]\n"


def test_the_verbs_are_methods(layerctl: Layerctl) -> None:
    names = _python(layerctl, "import layerctl; print(*dir(layerctl.Repository))").split()
    assert [name for name in METHODS if name not in names] == []


def test_every_public_method_is_typed_and_documented() -> None:
    for name, method in inspect.getmembers(api.Repository, inspect.isfunction):
        if not name.startswith("_"):
            assert method.__doc__, name
            signature = inspect.signature(method)
            assert signature.return_annotation is not inspect.Signature.empty, name
            assert all(
                parameter.annotation is not inspect.Parameter.empty
                for parameter in list(signature.parameters.values())[1:]
            ), name


def test_all_names_exist_and_nothing_else_is_public() -> None:
    assert sorted(api.__all__) == sorted(set(api.__all__))
    assert all(hasattr(api, name) for name in api.__all__)
    ours = {name for name, value in vars(api).items() if getattr(value, "__module__", "").startswith("layerctl")}
    assert {name for name in ours if not name.startswith("_")} <= set(api.__all__)


def test_the_library_prints_nothing(repo: Repo) -> None:
    repo.write("etc/new", "x")
    uses = "repo = Repository.open(Path('.')); repo.status(); list(repo.log()); repo.commit('x')"
    assert _python(repo.cli, f"from pathlib import Path; from layerctl import Repository; {uses}") == ""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", target, PROJECT]
    subprocess.run(command, check=True)
    [path] = target.glob("*.whl")
    return path


def test_the_wheel_contains_the_sample_hooks(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {path.name for path in (Path(__file__).parents[2] / "hooks").iterdir()}
    assert {name.rpartition("/")[2] for name in names if "/_hooks/" in name} == shipped


def test_the_wheel_works_on_its_own(wheel: Path, layerctl: Layerctl, tmp_path: Path) -> None:
    """Not from the checkout: unpacked elsewhere, ``init`` still finds its sample hooks."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    layerctl("init", env={"PYTHONPATH": str(tmp_path / "site")})
    assert list((layerctl.cwd / ".layerctl/hooks").glob("*.sample"))
