"""What docs/ says is what the code does: verbs, options, errors, documents, formats, examples and links."""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from layerctl.cli.parsing import SHARED
from layerctl.cli.typed import command_line
from layerctl.errors import LayerctlError
from layerctl.hooks import EVENTS
from layerctl.model.imports import ImportLimits
from layerctl.store.record import load_record
from layerctl.values import field_names
from tests.support.cli import COMMAND, Layerctl

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

FENCE = re.compile(r"(?:<!-- example: (\w+) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^(#+) (.+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| (.+) \|$", re.M)
CODE = re.compile(r"`([^`]+)`")

Verb = tuple[str, ...]


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(name: str) -> str:
    return (DOCS / name).read_text()


def prose(text: str) -> str:
    return FENCE.sub("", text)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with the text up to the next heading of any level."""
    fenced = FENCE.sub(lambda match: re.sub(r"(?m)^#", "\0", match[0]), text)
    found = list(HEADING.finditer(fenced))
    for here, following in zip(found, [*found[1:], None], strict=True):
        yield here[2], fenced[here.end() : following.start() if following else len(fenced)].replace("\0", "#")


def rows(text: str) -> Iterator[list[str]]:
    """The rows of all tables, without their heads."""
    lines = prose(text).splitlines()
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and lines[number + 1].startswith("|---")
        if ROW.match(line) and not line.startswith("|---") and not is_head:
            yield [cell.strip() for cell in line[1:-1].split("|")]


# ------------------------------------------------------------------------------------------------ links and examples


def test_there_are_docs() -> None:
    assert len(PAGES) > 15


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(heading) for heading, _ in sections(file.read_text())}, target


def test_the_index_names_every_page() -> None:
    linked = {(DOCS / target).resolve() for target in LINK.findall(read("README.md"))}
    assert linked == {page.resolve() for page in DOCS.rglob("*.md")} - {DOCS / "README.md"}


@pytest.mark.parametrize("page", PAGES[1:], ids=page_name)
def test_prose_is_as_wide_as_code(page: Path) -> None:
    lines = prose(page.read_text()).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def example_calls() -> list[tuple[str, list[str]]]:
    return [
        (f"{page_name(page)}: {line}", call)
        for page in PAGES
        for _, language, body in FENCE.findall(page.read_text())
        if language in ("console", "sh")
        for line in body.splitlines()
        if language == "sh" or line.startswith(("$ ", "# "))
        for call in calls_in(line if language == "sh" else line[2:])
    ]


def calls_in(line: str) -> Iterator[list[str]]:
    """The words after each ``layerctl`` on a shell's command line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quote that goes on in the next line
        return
    call: list[str] | None = None
    for word in [*words, ";"]:
        if re.fullmatch(r"[();<>|&]+", word):
            if call is not None:
                yield call
            call = None
        elif word == "layerctl" and call is None:
            call = []
        elif call is not None:
            call.append(word)
        for inner in re.findall(r"\$\((layerctl [^)]*)\)", word):
            yield from calls_in(inner)


def test_examples_are_found() -> None:
    assert list(calls_in("chroot \"$(layerctl checkout 'a b')\" x && layerctl log | layerctl -q tag # layerctl x")) == [
        ["checkout", "a b"],
        ["log"],
        ["-q", "tag"],
    ]
    assert len(example_calls()) > 25


@pytest.mark.parametrize("example", example_calls(), ids=lambda example: example[0])
def test_examples_use_verbs_and_options_that_exist(example: tuple[str, list[str]]) -> None:
    words = list(example[1])
    command: Any = command_line()
    verb: Verb = ()
    while words:
        word = words.pop(0)
        if word == "--":
            return
        if word.startswith("-") and word != "-":
            options = {name: option for option in options_of(command) for name in option.opts + option.secondary_opts}
            name = word.partition("=")[0]
            assert name in options or re.fullmatch(r"-\d+", word), f"{verb} has no option {word}"
            if name in options and not options[name].is_flag and "=" not in word:
                words.pop(0)
        elif hasattr(command, "list_commands"):
            command = command.get_command(None, word) if word in command.list_commands(None) else None
            assert command is not None, f"{word} is no verb of {verb}"
            verb += (word,)
        elif verb in (("run",), ("bisect", "run"), ("try",)):
            return  # the rest is a command of its own
    assert verb or example[1], "a verb"


# ------------------------------------------------------------------------------------------------------ commands.md


def options_of(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "option"]


def verbs() -> dict[Verb, Any]:
    """Every verb and verb of a verb."""
    found: dict[Verb, Any] = {}

    def add(verb: Verb, command: Any) -> None:
        if verb:
            found[verb] = command
        if hasattr(command, "list_commands"):
            for name in command.list_commands(None):
                add((*verb, name), command.get_command(None, name))

    add((), command_line())
    return found


VERBS = verbs()


def documented() -> dict[Verb, str]:
    """Sections that begin with a usage line, by verb."""
    usage = re.compile(r"\s*```\nlayerctl ([a-z ]+) ")
    return {tuple(heading.split()): text for heading, text in sections(read("commands.md")) if usage.match(text)}


def documented_options(text: str) -> set[str]:
    return {
        code.split()[0]
        for cells in rows(text)
        for code in CODE.findall(cells[0])
        if code.startswith("-") and len(cells) == 2
    }


def test_every_verb_is_documented_and_the_reverse() -> None:
    assert list(documented()) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_option_of_a_verb_is_documented_and_the_reverse(verb: Verb) -> None:
    own = [option for option in options_of(VERBS[verb]) if option.name not in SHARED]
    assert documented_options(documented()[verb]) == {
        name for option in own for name in option.opts + option.secondary_opts
    }


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_usage_is_as_help_has_it(verb: Verb) -> None:
    command = VERBS[verb]
    parent = command_line().context_class(command_line(), info_name="layerctl")
    for depth, word in enumerate(verb[:-1], 1):
        parent = command.context_class(VERBS[verb[:depth]], info_name=word, parent=parent)
    ctx = command.context_class(command, info_name=verb[-1], parent=parent)
    usage = command.get_usage(ctx).removeprefix("Usage: ")
    assert FENCE.search(documented()[verb])[3].strip() == " ".join(usage.split())  # type: ignore[index]


def test_global_options_are_documented() -> None:
    text = dict(sections(read("commands.md")))["Options"]
    names = {name for option in options_of(command_line()) for name in option.opts}
    assert documented_options(text) == names | {"-h", "--help"}


def test_settings_are_documented() -> None:
    source = (ROOT / "layerctl/cli/settings.py").read_text()
    used = set(re.findall(r'"((?:LAYERCTL|GIT)_[A-Z_]+|NO_COLOR|EDITOR|VISUAL|PAGER|PATH)"', source))
    text = dict(sections(read("commands.md")))["Environment"]
    assert {name for cells in rows(text) for name in CODE.findall(cells[0])} == used


def test_limits_are_documented_with_their_values() -> None:
    text = dict(sections(read("commands.md")))["config"]
    table = {CODE.findall(cells[0])[0]: cells[1] for cells in rows(text) if cells[0].startswith("`import.")}
    limits = ImportLimits()
    spelled = {name: re.sub(r"_(.)", lambda match: match[1].upper(), name) for name in field_names(limits)}
    assert set(table) == {f"import.{name}" for name in spelled.values()}
    for name, camel in spelled.items():
        value = getattr(limits, name)
        text = f"{value >> 30} GiB" if name == "max_bytes" else f"{value:,}"
        assert table[f"import.{camel}"].endswith(f"; {text}"), name


# ------------------------------------------------------------------------------------------------------------ traps

#: From this number on every trap on the page must have a test; 1 for all of them.
TRAPS_TESTED_FROM = 1


def test_every_trap_on_the_page_has_a_test_of_its_number_and_the_reverse() -> None:
    listed = [int(cells[0]) for cells in rows(read("traps.md"))]
    names = "".join(path.read_text() for path in sorted((ROOT / "tests/traps").glob("test_*.py")))
    tested = {int(number) for number in re.findall(r"^def test_trap_([0-9]{2})_[a-z0-9_]+\(", names, re.M)}
    assert listed == list(range(1, len(listed) + 1))
    assert tested <= set(listed)
    assert {number for number in listed if number >= TRAPS_TESTED_FROM} <= tested


# ----------------------------------------------------------------------------------------------------------- errors


def classes(top: type[LayerctlError] = LayerctlError) -> Iterator[type[LayerctlError]]:
    for found in top.__subclasses__():
        if found.__module__ == "layerctl.errors":
            yield found
            yield from classes(found)


def test_exit_statuses_are_those_of_the_error_tree() -> None:
    text = dict(sections(read("commands.md")))["Exit status"]
    table = {CODE.findall(cells[1])[0]: int(cells[0]) for cells in rows(text) if CODE.findall(cells[1])}
    assert table == {found.__name__: found.exit_code for found in classes() if found.__base__ is LayerctlError}
    for found in classes():
        assert found.exit_code in table.values()


def test_every_error_is_documented() -> None:
    text = dict(sections(read("commands.md")))["Errors"]
    table = {CODE.findall(cells[0])[0]: int(cells[1]) for cells in rows(text)}
    assert table == {found.name: found.exit_code for found in classes()} | {"internal": 70}


def test_the_error_tree_is_drawn_as_it_is() -> None:
    source = (ROOT / "layerctl/errors.py").read_text().split('"""')[1]
    drawn = re.findall(r"[├└]── (\w+)", source)
    assert sorted(drawn) == sorted(found.__name__ for found in classes())


# -------------------------------------------------------------------------------------- hooks, packages, the library


def test_hooks_are_documented() -> None:
    tables = list(rows(read("hooks.md")))
    assert [CODE.findall(cells[0])[0] for cells in tables if len(cells) == 5] == list(EVENTS)
    source = (ROOT / "layerctl/hooks/runner.py").read_text() + (ROOT / "layerctl/ops/hooking.py").read_text()
    passed = set(re.findall(r'"([A-Z_]+)": ', source))
    found = rows(dict(sections(read("hooks.md")))["What a hook finds"])
    assert {name for cells in found for name in CODE.findall(cells[0])} == passed


def test_every_sample_is_documented() -> None:
    table = rows(dict(sections(read("hooks.md")))["Samples"])
    assert {CODE.findall(cells[0])[0] for cells in table} == {path.name for path in (ROOT / "hooks").iterdir()}


def test_packages_are_documented() -> None:
    text = dict(sections(read("architecture.md")))["Packages"]
    found = {path.stem for path in (ROOT / "layerctl").iterdir() if not path.name.startswith(("_", "."))}
    assert {CODE.findall(cells[0])[0] for cells in rows(text)} == found - {"py"}


def test_the_imports_are_those_that_are_checked() -> None:
    contract = re.search(r"^layers = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert contract is not None
    levels = [line.replace("layerctl.", "").split(" | ") for line in re.findall(r'"(.*)"', contract[1])]
    drawn = " → ".join("{" + ", ".join(level) + "}" if len(level) > 1 else level[0] for level in levels)
    assert drawn in " ".join(read("architecture.md").split())


def test_the_library_example_works(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etc = workdir / "src/etc"
    etc.mkdir(parents=True)
    (etc / "motd").write_text("hello\n")
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    monkeypatch.chdir(workdir)
    examples = doctest.DocTestParser().get_doctest(read("python.md"), {}, "python.md", None, 0)
    assert len(examples.examples) > 10
    report: list[str] = []
    assert doctest.DocTestRunner().run(examples, out=report.append).failed == 0, "".join(report)


# -------------------------------------------------------------------------------------------------------- format.md


def example(name: str) -> list[str]:
    return [body for kind, _, body in FENCE.findall(read("format.md")) if kind == name]


def test_the_layer_id_is_the_digest_of_the_listing() -> None:
    [listing] = example("listing")
    assert f'"id": "{blake3(listing.encode()).hexdigest()}"' in example("run")[1]


def test_the_record_has_its_checksum() -> None:
    [record] = example("record")
    assert load_record(record.encode(), Path("worktree.json"))["mountpoint"] == "/srv/box/rootfs"


def test_the_format_example_is_what_comes_out(layerctl: Layerctl) -> None:
    [script] = example("build")
    wrapper = layerctl.cwd.parent / "bin" / "layerctl"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    wrapper.chmod(0o755)
    env = layerctl.environment({"PATH": f"{wrapper.parent}:{layerctl.env['PATH']}"})
    command = ["sh", "-euc", f"umask 022\n{script}"]
    built = subprocess.run(command, cwd=layerctl.cwd, env=env, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for body in example("run"):
        for part in re.split(r"^# ", body, flags=re.M)[1:]:
            line, _, output = part.partition("\n")
            done = subprocess.run(line, shell=True, cwd=layerctl.cwd, env=env, capture_output=True, text=True)
            assert done.stdout == output, line


# ---------------------------------------------------------------------------------------------------------- json.md


@dataclass
class Schema:
    """The documents that json.md describes.

    Attributes:
        kinds: types by key, by anchor.
        optional_seen: keys that may be absent and were there.
    """

    kinds: dict[str, dict[str, str]]
    optional_seen: set[tuple[str, str]] = field(default_factory=set)

    def check(self, value: Any, wanted: str, where: str = "") -> None:
        alternatives = wanted.split(" or ")
        assert any(self._fits(value, kind) for kind in alternatives), f"{where}: {value!r} is no {wanted}"
        for kind in alternatives:
            if kind.startswith("array of ") and isinstance(value, list):
                for item in value:
                    self.check(item, kind.removeprefix("array of "), f"{where}[]")
            elif kind.startswith("[") and isinstance(value, dict):
                self._check_object(value, LINK.findall(kind)[0].removeprefix("#"), where)

    def _fits(self, value: Any, kind: str) -> bool:
        types: dict[str, type | None] = {"string": str, "integer": int, "boolean": bool, "null": type(None)}
        if kind in types:
            return type(value) is types[kind]
        if kind == "any":
            return True
        if kind == "object of string":
            return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return isinstance(value, list if kind.startswith("array of ") else dict)

    def _check_object(self, value: dict[str, Any], kind: str, where: str) -> None:
        keys = self.kinds[kind]
        needed = {key for key, wanted in keys.items() if not wanted.startswith("optional ")}
        assert needed <= value.keys() <= keys.keys(), f"{where}: {sorted(value)} is no {kind}"
        self.optional_seen |= {(kind, key) for key in value.keys() - needed}
        for key, item in value.items():
            self.check(item, keys[key].removeprefix("optional "), f"{where}.{key}")


def schema() -> Schema:
    return Schema(
        {
            slug(heading): {CODE.findall(cells[0])[0]: cells[1] for cells in rows(text)}
            for heading, text in sections(read("json.md"))
            if "| key | type |" in text
        }
    )


def documents() -> dict[str, str]:
    text = dict(sections(read("json.md")))["Documents"]
    return {CODE.findall(cells[0])[0]: cells[1] for cells in rows(text)}


def test_json_examples_are_what_their_tables_say() -> None:
    wanted = schema()
    checked = 0
    for heading, text in sections(read("json.md")):
        for _, language, body in FENCE.findall(text):
            assert language == "json"
            value = json.loads(body)
            kind = f"[x](#{slug(heading)})"
            wanted.check(value, f"array of {kind}" if isinstance(value, list) else kind, heading)
            checked += 1
    assert checked >= 10


def test_every_document_is_as_described(layerctl: Layerctl, busybox_rootfs: Path) -> None:
    wanted, described = schema(), documents()

    def run(row: str, *args: str | bytes | Path) -> Any:
        value = layerctl.json(*args)
        wanted.check(value, described.pop(row), row)
        return value

    run("init", "init")
    run("import SOURCE", "import", busybox_rootfs, "-m", "base")
    run("checkout [REV]", "checkout")
    rootfs = layerctl.cwd / "rootfs"
    os.symlink(b"\xff", os.fsencode(rootfs / "etc") + b"/link-\xfe")
    run("status", "status")
    run("commit", "commit", "-m", "a link")
    run("log", "log")
    run("show REV", "show", "HEAD")
    run("show REV:PATH", "show", b"HEAD:etc/link-\xfe")
    wanted.check(layerctl.json("show", "HEAD:etc"), "[shown path](#shown-path)")
    Path(rootfs / "etc/latin").write_bytes(b"caf\xe9\n")
    layerctl("commit", "-m", "latin")
    run("blame PATH", "blame", "etc/latin")
    wanted.check(layerctl.json("blame", "etc"), "[blame](#blame)")
    wanted.check(layerctl.json("blame", b"etc/link-\xfe"), "[blame](#blame)")
    Path(os.fsdecode(os.fsencode(rootfs / "etc") + b"/odd-\xff")).write_bytes(b"caf\xe9\n")
    run("grep PATTERN", "grep", "caf")
    layerctl("rollback", "HEAD")
    wanted.check(layerctl.json("grep", "-l", "root", "HEAD"), "[search](#search)")
    run("diff", "diff", "HEAD~2", "HEAD")
    status = rootfs / "var/lib/dpkg/status.d/x"
    module = Path(os.fsdecode(os.fsencode(rootfs / "srv") + b"/\xff/node_modules/m"))
    broken = Path(os.fsdecode(os.fsencode(rootfs / "srv") + b"/\xfe/node_modules/m"))
    for folder in (status.parent, module, broken):
        folder.mkdir(parents=True)
    status.write_text("Package: x\nVersion: 1\nArchitecture: all\n")
    (module / "package.json").write_text('{"version": "1.0.0"}')
    (broken / "package.json").write_text("{")
    wanted.check(layerctl.json("diff", "--packages", "--stat"), "[diff](#diff)")
    layerctl("commit", "-m", "x", "--change", 'CMD ["x"]', "--change", "ENV A=1")
    wanted.check(layerctl.json("diff", "--config", "HEAD~1", "HEAD"), "[diff](#diff)")
    layerctl("rollback")
    run("reflog", "reflog")
    run("branch NAME", "branch", "topic")
    run("branch", "branch")
    run("branch -d NAME", "branch", "-d", "topic")
    run("tag NAME", "tag", "-m", "one", "v1")
    run("tag", "tag")
    run("tag -d NAME", "tag", "-d", "v1")
    run("worktree add NAME", "worktree", "add", "second")
    run("worktree list", "worktree", "list")
    run("worktree remove NAME", "worktree", "remove", "second")
    run("bisect start BAD GOOD", "bisect", "start", "HEAD", "HEAD~1")
    run("bisect bad", "bisect", "bad")
    run("bisect skip", "bisect", "skip", "HEAD~1")
    run("bisect good", "bisect", "good", "HEAD~1")
    run("bisect run CMD", "bisect", "run", "true")
    run("bisect log", "bisect", "log")
    run("bisect reset", "bisect", "reset")
    run("rollback", "rollback")
    (rootfs / "etc/motd").write_text("broken")
    run("restore PATH", "restore", "etc/motd")
    run("undo", "undo")
    (rootfs / "etc/motd").write_text("one")
    layerctl("commit", "-m", "one")
    (rootfs / "etc/motd").write_text("two")
    conflict = layerctl.run("--json", "revert", "HEAD", code=4)
    wanted.check(json.loads(conflict.err), "[error](#error)")
    layerctl("restore", "/")
    run("revert REV", "revert", "HEAD")
    for stashed in ("apply", "drop", "pop", "clear"):
        (rootfs / "etc/motd").write_text(f"before {stashed}")
        value = layerctl.json("stash")
        if stashed == "apply":
            wanted.check(value, described.pop("stash push"))
            run("stash list", "stash", "list")
            run("stash show", "stash", "show")
        run(f"stash {stashed}", "stash", stashed)
        layerctl("restore", "/")
    run("op log", "op", "log")
    run("op restore ID", "op", "restore", "3")
    run("gc", "gc", "--grace", "now")
    run("du", "du")
    run("config KEY VALUE", "config", "hooks.timeout", "5")
    run("config KEY", "config", "hooks.timeout")
    run("config --list", "config", "--list")
    Path(os.fsdecode(os.fsencode(layerctl.cwd) + b"/.layerctl/odd-\xff")).touch()
    run("fsck", "fsck")
    run("try CMD", "try", "--yes", "--", "touch", "/etc/tried")
    run("hook enable NAME", "hook", "enable", "secrets")
    run("hook list", "hook", "list")
    run("hook run NAME", "hook", "run", "secrets")
    run("hook disable NAME", "hook", "disable", "secrets")
    run("doctor", "doctor")
    run("completion SHELL", "completion", "bash")
    assert described == {}
    optional = {
        (kind, key)
        for kind, keys in wanted.kinds.items()
        for key, wants in keys.items()
        if wants.startswith("optional")
    }
    assert wanted.optional_seen == optional


def test_an_error_is_one_document_on_stderr(layerctl: Layerctl) -> None:
    result = layerctl.run("--json", "status", code=3)
    assert result.out == b""
    schema().check(json.loads(result.err), "[error](#error)")


# ------------------------------------------------------------------------------------------------ troubleshooting.md


def test_everything_that_fsck_finds_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "layerctl/ops/checks").glob("*.py"))
    reported = set(re.findall(r"(?:error|warning|note|Finding)\(\s*\"([a-z-]+)\"", sources))
    reported |= set(re.findall(r"\"((?:missing|damaged|broken)-[a-z-]+)\"", sources))
    text = dict(sections(read("troubleshooting.md")))["What `fsck` finds"]
    assert {kind for cells in rows(text) for kind in CODE.findall(cells[0])} == reported
