"""The sample hooks that people turn on, each on a real rootfs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import Spawn
from tests.support.cli import Repo
from tests.support.rootfs import NET_RAW

SAMPLES = sorted((Path(__file__).parents[2] / "hooks").iterdir())


def refused(repo: Repo, message: str = "x") -> list[str]:
    """Commits, is refused, and returns what the hook said, without its name."""
    result = repo.cli.run("commit", "-m", message, code=1)
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("layerctl: ", "hint: "))]
    return [line.partition(": ")[2] for line in lines]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_each_says_what_it_does_and_how_to_turn_it_on(sample: Path) -> None:
    text = sample.read_text()
    assert sample.stat().st_mode & 0o111
    assert f"'layerctl hook enable {sample.name.partition('.')[2]}' turns it on" in text
    assert "layerctl hook enable" in "\n".join(text.splitlines()[:12])


def test_the_list_tells_them_apart(hooked: Repo) -> None:
    listed = {hook["name"]: hook["summary"] for hook in hooked.cli.json("hook", "list")}
    assert set(listed) == {sample.name for sample in SAMPLES}
    assert all(len(summary) > 20 for summary in listed.values())
    assert len(set(listed.values())) == len(listed)


# -------------------------------------------------------------------------------------------------------- secrets


def test_secrets(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "secrets")
    hooked.write("srv/.env.example", "TOKEN=\n")
    hooked.write("srv/app/.env", "TOKEN=x\n")
    hooked.write("root/.ssh/id_ed25519", "x\n")
    hooked.write("etc/ssl/key.pem", f"-----BEGIN RSA PRIVATE KEY-----\n{'A' * 64}\n")
    hooked.write("srv/config.yml", f"token: ghp_{'a1B2' * 9}\n")
    hooked.write("srv/binary", b"\0\0AKIA" + b"ABCDEFGHIJKLMNOP" + b"\0")
    assert refused(hooked) == [
        "/etc/ssl/key.pem: contains a private key",
        "/root/.ssh/id_ed25519: has the name of a file that holds secrets",
        "/srv/app/.env: has the name of a file that holds secrets",
        "/srv/binary: contains an AWS access key",
        "/srv/config.yml: contains a GitHub token",
        "refused: 5 secret(s) in this commit; --no-verify commits all the same",
    ]
    hooked.write(".layerctl-secrets-allow", "/srv/*\n/etc/ssl/key.pem\n/root/.ssh/id_ed25519\n")
    hooked.commit()


# --------------------------------------------------------------------------------------------------------- limits


def test_limits(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "limits")
    hooked.write("srv/big", b"x" * 3000)
    for number in range(11):
        hooked.write(f"srv/{number}", "x" * 10)
    for option, value in (("file", "1k"), ("size", "3000"), ("files", "11")):
        hooked.git("config", f"limits.{option}", value)
    said = refused(hooked)
    assert said[:3] == [
        "/srv/big has 2.9 KiB",
        "the commit has 3.0 KiB, and 2.9 KiB are the limit; the biggest:",
        "     2.9 KiB  /srv/big",
    ]
    assert said[-1] == "the commit has 12 files, and 11 are the limit"
    hooked.git("config", "--remove-section", "limits")
    hooked.commit()


# ----------------------------------------------------------------------------------------------------- privileges


def test_privileges(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "privileges")
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755), ("open", 0o666), ("fine", 0o755)):
        hooked.write(f"opt/{name}", "x").chmod(mode)
    os.setxattr(hooked.write("opt/capable", "x"), "security.capability", NET_RAW)
    (hooked.rootfs / "opt/sticky").mkdir()
    (hooked.rootfs / "opt/sticky").chmod(0o1777)
    (hooked.rootfs / "opt/shared").mkdir()
    (hooked.rootfs / "opt/shared").chmod(0o777)
    (hooked.rootfs / "opt/link").symlink_to("/etc/passwd")
    os.mkfifo(hooked.rootfs / "opt/pipe", 0o666)
    (hooked.rootfs / "opt/pipe").chmod(0o666)
    with open(hooked.rootfs / "usr/bin/tool", "a") as file:  # it was setuid before; writing takes that away
        file.write("exec true\n")
    (hooked.rootfs / "usr/bin/tool").chmod(0o4755)
    assert refused(hooked) == [
        "/opt/capable: has file capabilities",
        "/opt/open: can be written by everybody",
        "/opt/pipe: can be written by everybody",
        "/opt/setgid: is setgid",
        "/opt/setuid: is setuid",
        "/opt/shared: can be written by everybody",
        "refused: 6 path(s); 'layerctl config privileges.allow' lists what may be so",
    ]
    hooked.cli("config", "privileges.allow", "/opt/s* /opt/open /opt/pipe /opt/capable")
    hooked.commit()


# ---------------------------------------------------------------------------------------------------------- clean


def test_clean(hooked: Repo, public_dir: Path) -> None:
    """Caches go, logs are emptied, the commit holds what is left; and no symlink leads to a file of the host."""
    victim = public_dir / "var/log/syslog"
    victim.parent.mkdir(parents=True)
    victim.write_text("the host's")
    hooked.cli("hook", "enable", "clean")
    hooked.write("var/cache/apt/archives/a_1_all.deb", "x" * 100)
    hooked.write("var/lib/apt/lists/deb.example_dists_Release", "x" * 100)
    hooked.write("root/.cache/pip/http/1", "x" * 100)
    log = hooked.write("var/log/dpkg.log", "x" * 100)
    os.chown(log, 1000, 4)
    log.chmod(0o640)
    hooked.write("var/lib/app/data", "kept")
    hooked.write("var/cache/apt/archives/lock", "")
    (hooked.rootfs / "home/evil").symlink_to(public_dir)
    (hooked.rootfs / "var/log/link").symlink_to(victim)
    result = hooked.cli("commit", "-m", "x")
    assert result.stderr == "pre-commit.clean: took 4 cached or logged file(s) out of the commit, 400 bytes\n"
    new = {path for path, kind in hooked.changes("diff", "HEAD~1", "HEAD").items() if kind == "A"}
    assert "var/lib/app/data" in new
    assert not {"var/cache/apt/archives/a_1_all.deb", "root/.cache/pip/http/1"} & new
    assert (log.stat().st_size, log.stat().st_uid, stat.S_IMODE(log.stat().st_mode)) == (0, 1000, 0o640)
    assert victim.read_text() == "the host's"
    assert hooked.changes() == {}


# -------------------------------------------------------------------------------------------------------- subject


def test_subject(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "subject")
    hooked.write("srv/n", "1")
    said = {
        "x" * 73: "the subject has 73 characters; 72 are the limit: say more in the body",
        "Install it.": "the subject ends with a full stop: leave it out",
        "Install it\nbecause": "the second line is not empty: leave one line between the subject and the body",
    }
    for message, reason in said.items():
        assert refused(hooked, message) == [reason]
    hooked.commit("Install it\n\nBecause.")


# ---------------------------------------------------------------------------------------------------------- smoke


def test_smoke(hooked: Repo, spawn: Spawn) -> None:
    """The command sees what would be committed, and nothing that it writes is there afterwards."""
    hooked.cli("hook", "enable", "smoke")
    hooked.write("srv/n", "good")
    assert refused(hooked) == ["nothing to run: say what with: layerctl config smoke.command 'COMMAND'"]
    command = "grep -q good /srv/n && touch /srv/trace && rm /etc/motd && test -c /dev/null && test -e /proc/self/exe"
    hooked.cli("config", "smoke.command", f"{command} && echo fine && ip addr | grep -vq eth0")
    made = hooked.cli("commit", "-m", "x")
    assert made.stderr == "pre-commit.smoke: fine\n"
    assert hooked.changes() == {}
    assert not (hooked.rootfs / "srv/trace").exists()
    hooked.write("srv/n", "broken")
    assert refused(hooked) == [f"refused: exit status 1 of: {command} && echo fine && ip addr | grep -vq eth0"]
    hooked.write("srv/n", "good again")
    assert hooked.commit()["layer"]["quiescence"] == "sealed"


def test_smoke_ends_with_its_time(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "smoke")
    hooked.cli("config", "smoke.command", "sleep 4321 & sleep 4321")
    hooked.cli("config", "hooks.timeout", "1")
    hooked.write("srv/n", "1")
    result = hooked.cli.run("commit", "-m", "x", code=1, timeout=30)
    assert "the hook pre-commit.smoke took longer than 1 seconds and was ended" in result.stderr
    deadline = time.monotonic() + 5
    while (left := subprocess.run(["pgrep", "-f", "^sleep 4321"], capture_output=True).stdout) != b"":
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


# -------------------------------------------------------------------------------------------------------- webhook


@dataclass
class Server:
    """An HTTP server on the loopback interface that keeps what it gets."""

    answer: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def server() -> Iterator[Server]:
    kept = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.answer)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        kept.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kept
        http.shutdown()
        thread.join()


def test_webhook(hooked: Repo, server: Server) -> None:
    hooked.cli("hook", "enable", "webhook")
    hooked.cli("config", "webhook.url", f"http://127.0.0.1:{server.port}/hook")
    hooked.cli("config", "webhook.secret", "s3cret")
    base = hooked.head()
    commit = hooked.commit_file("srv/n", "1", "The subject\n\nand a snowman \u2603")["commit"]
    [(headers, body)] = server.got
    sent = json.loads(body)
    assert sent.pop("date")
    assert sent == {
        "event": "commit",
        "host": os.uname().nodename,
        "repository": str(hooked.dot),
        "worktree": "default",
        "commit": commit,
        "parents": [base],
        "author": "Test Author",
        "email": "author@example.org",
        "message": "The subject\n\nand a snowman \u2603",
    }
    assert headers["content-type"] == "application/json"
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["x-layerctl-signature"] == f"sha256={signature}"


@pytest.mark.parametrize(
    ("answer", "url", "said"),
    [
        (500, None, "was not told: Internal Server Error"),
        (302, None, "was not told: Found"),
        (200, "http://127.0.0.1:1/", "was not told: "),
        (200, "file:///etc/passwd", "no address"),
    ],
)
def test_webhook_that_cannot_be_told(hooked: Repo, server: Server, answer: int, url: str | None, said: str) -> None:
    hooked.cli("hook", "enable", "webhook")
    server.answer = answer
    hooked.cli("config", "webhook.url", url or f"http://127.0.0.1:{server.port}/hook")
    hooked.write("srv/n", "1")
    result = hooked.cli("commit", "-m", "x")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len(server.got) == (url is None)


# ------------------------------------------------------------------------------------------------------- packages


def test_packages_of_debian(hooked: Repo, minbase_tar: Path) -> None:
    """The list as dpkg itself gives it, of a real database, on the commit and in its history."""
    hooked.cli("hook", "enable", "packages")
    found = subprocess.run(["tar", "-xOf", minbase_tar, "./var/lib/dpkg/status"], capture_output=True, text=True)
    text = found.stdout + _dpkg("new-one", "1:2.0-1") + _dpkg("gone", "1", "deinstall ok config-files")
    status = hooked.write("var/lib/dpkg/status", text)
    hooked.commit("Install new-one")
    query = ["dpkg-query", f"--admindir={hooked.rootfs}/var/lib/dpkg", "-W"]
    shown = subprocess.run(
        [*query, "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wanted = sorted(line.partition(" ")[2] for line in shown.splitlines() if line.startswith("installed "))
    assert hooked.git("notes", "--ref=packages", "show", "HEAD").splitlines() == wanted
    assert "new-one 1:2.0-1 all" in wanted
    assert "new-one" in hooked.git("log", "-1", "--notes=packages")
    status.write_text(_dpkg("only", "1"))
    hooked.commit("again", "--amend")
    assert hooked.git("notes", "--ref=packages", "show", "HEAD") == "only 1 all\n"
    assert hooked.git("log", "-1", "--format=%an <%ae>", "refs/notes/packages") == "Test Author <author@example.org>\n"
    assert "error" not in hooked.git("fsck", "--strict")


def test_packages_of_alpine(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "packages")
    hooked.write("lib/apk/db/installed", "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:busybox\nV:1.36\nA:x86_64\n\n")
    hooked.cli("commit", "-m", "x")
    assert hooked.git("notes", "--ref=packages", "show", "HEAD") == "busybox 1.36 x86_64\nmusl 1.2.4-r2 x86_64\n"
    assert "packages" not in hooked.cli("log", "--all").stdout
    assert hooked.cli("fsck").code == 0
    hooked.cli("gc")
    assert hooked.git("notes", "--ref=packages", "show", "HEAD") == "busybox 1.36 x86_64\nmusl 1.2.4-r2 x86_64\n"


def _dpkg(name: str, version: str, status: str = "install ok installed") -> str:
    return (
        f"\nPackage: {name}\nStatus: {status}\nMaintainer: A <a@example.org>\nArchitecture: all\n"
        f"Version: {version}\nDescription: one\n more of it: with a colon\n"
    )


# ------------------------------------------------------------------------------------- hold, stop and start


def test_hold(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "hold")
    hooked.write(".layerctl-hold", "")
    result = hooked.cli.run("rollback", "HEAD", code=1)
    assert "/.layerctl-hold is there" in result.stderr
    (hooked.rootfs / ".layerctl-hold").unlink()
    hooked.cli("rollback", "HEAD")


def test_stop_and_start(hooked: Repo, spawn: Spawn) -> None:
    """A daemon that was started by chroot ends before the rollback; the service comes back after it."""
    hooked.cli("hook", "enable", "stop")
    hooked.cli("hook", "enable", "start")
    hooked.cli("config", "service.stop", "echo stopped >> service")
    hooked.cli("config", "service.start", "echo started >> service")
    hooked.write("srv/n", "1")
    daemon = spawn(["chroot", hooked.rootfs, "/bin/sleep", "600"])
    while os.readlink(f"/proc/{daemon.pid}/root") == "/":
        time.sleep(0.01)
    result = hooked.cli("rollback", "HEAD")
    assert f"pre-rollback.stop: ending sleep (process {daemon.pid})\n" in result.stderr
    assert daemon.wait(5) == -15
    assert (hooked.top / "service").read_text() == "stopped\nstarted\n"


def test_stop_refuses_if_the_service_does_not_stop(hooked: Repo) -> None:
    hooked.cli("hook", "enable", "stop")
    hooked.cli("config", "service.stop", "exit 4")
    hooked.write("srv/n", "1")
    assert "refused: this failed: exit 4" in hooked.cli.run("rollback", "HEAD", code=1).stderr
    assert (hooked.rootfs / "srv/n").exists()
