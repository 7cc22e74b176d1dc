"""The rules about the shape of the code that no linter of ours knows (docs: architecture).

Imports between packages are import-linter's business, `print` and banned names ruff's; what is here is what both miss.
"""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layerctl"
MODULES = sorted(PACKAGE.rglob("*.py"))
LIBRARY = [path for path in MODULES if PACKAGE / "cli" not in path.parents]

DRAWERS = {"utils", "util", "helpers", "helper", "misc", "common"}
MAX_LINES = 400
MARK = re.compile(r"#\s*noqa:.*\bPLC0415\b")
# Output and questions are cli/'s business, and so are the environment and HOME.
BANNED_CALLS = {"print", "input"}
BANNED_OF_OS = {"environ", "environb", "getenv", "getenvb"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_package_is_here() -> None:
    assert len(MODULES) > 20
    assert len(LIBRARY) < len(MODULES)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_a_drawer(path: Path) -> None:
    assert not DRAWERS & {part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_function_local_imports_are_marked(path: Path) -> None:
    assert list(unmarked_local_imports(path.read_text())) == []


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_the_library_leaves_terminal_environment_and_home_alone(path: Path) -> None:
    assert list(banned_names(path.read_text())) == []


def unmarked_local_imports(source: str) -> Iterator[int]:
    lines = source.splitlines()
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and not MARK.search(lines[node.lineno - 1]):
                    yield node.lineno


def banned_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each banned name: bare ``print``/``input`` calls, attributes and imports of the rest."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            yield node.lineno, node.func.id
        elif isinstance(node, ast.Attribute) and is_banned_attribute(node):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in BANNED_OF_OS)


def is_banned_attribute(node: ast.Attribute) -> bool:
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    match node.attr:
        case "expanduser":
            return True
        case "home":
            return owner in ("Path", "PosixPath")
        case _:
            return owner == "os" and node.attr in BANNED_OF_OS


@pytest.mark.parametrize(
    "source",
    [
        "print('x')",
        "import os\nos.environ['A']",
        "import os\nos.getenv('A')",
        "from os import environ",
        "Path.home()",
        "Path('~').expanduser()",
        "os.path.expanduser('~')",
    ],
)
def test_the_check_sees_each_banned_name(source: str) -> None:
    assert list(banned_names(source))


def test_the_check_lets_like_names_pass() -> None:
    assert list(banned_names("worktree.home\nrecord.print()\nenvironment = {}\nfrom os import path")) == []


def test_the_check_sees_an_unmarked_local_import() -> None:
    assert list(unmarked_local_imports("def f():\n    import os\n    import re  # noqa: PLC0415 (slow to load)\n")) == [
        2
    ]


def test_sample_hooks_are_found_where_init_looks() -> None:
    package = Path(str(files("layerctl")))
    folder = next(place for place in (package / "_hooks", package.parent / "hooks") if place.is_dir())
    assert {path.name for path in folder.iterdir()} >= {"pre-commit.secrets", "commit-msg.subject"}
