"""`gateway cases export|import`."""

import contextlib
import json
import os
import select
import subprocess
from pathlib import Path

import pytest

from tests.acts.lived import PATIENCE, Lived, command, copy, environment, here
from tests.acts.worklists import FIRST, filled
from tests.ledgers import ask

COUNTY, CLERK, PASSWORD = "451081", "测试经办", "correct horse"


@pytest.fixture
def root(lived: Lived, tmp_path: Path) -> Path:
    site = copy(lived.site, tmp_path)
    ask(site, "UPDATE cases SET county = ?", COUNTY)
    return site


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with the password, that its owner alone may read."""
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(PASSWORD + "\n", "utf-8")
    return file


def words(file: Path, secret: Path) -> list[str]:
    return [
        "--county",
        COUNTY,
        "--clerk",
        CLERK,
        "--reason",
        "县区核查",
        "--out",
        str(file),
        "--password-file",
        str(secret),
    ]


def test_a_worklist_may_go_to_standard_output(root: Path, secret: Path, tmp_path: Path) -> None:
    """Through sudo a file would be the service user's: `--out -` gives the very workbook, and nothing else, to whoever
    called."""
    options = words(Path("-"), secret)
    done = subprocess.run(
        command(root, "cases", "export", *options), capture_output=True, timeout=PATIENCE, env=environment(), check=True
    )
    assert done.stdout.startswith(b"\xd0\xcf\x11\xe0")  # an encrypted Office file
    assert CLERK in done.stderr.decode()
    file = tmp_path / "list.xlsx"
    file.write_bytes(done.stdout)
    filled(file, PASSWORD, {FIRST: ("暂缓", "电话核实")})
    assert 0 == here(root, "cases", "import", str(file), "--clerk", CLERK, "--password-file", str(secret)).code
    assert 2 == here(root, "cases", "export", *options, "--json").code


@pytest.mark.parametrize("place", ["plugins/new.py", "mappings/new.toml", "var/new", "new"])
def test_no_worklist_goes_into_the_site(root: Path, secret: Path, place: str) -> None:
    """Who may only run the program cannot have it write among its own files."""
    (root / place).parent.mkdir(exist_ok=True)
    done = here(root, "cases", "export", *words(root / place, secret))
    assert (1, "") == (done.code, done.out)
    assert not (root / place).exists()


def test_a_worklist_goes_out_and_comes_back(root: Path, secret: Path, tmp_path: Path) -> None:
    """What was taken, was left and was refused is told; the exit code is 1 where a line was refused, and 0 where the
    same file comes again without it."""
    file = tmp_path / "list.xlsx"
    out = here(root, "cases", "export", *words(file, secret), "--json")
    assert 0 == out.code, out.err
    assert (str(file), CLERK) == (json.loads(out.out)["file"], json.loads(out.out)["clerk"])
    filled(file, PASSWORD, {FIRST: ("暂缓", "电话核实"), FIRST + 1: ("暂缓", "")})
    back = ["cases", "import", str(file), "--clerk", CLERK, "--password-file", str(secret)]
    tried = here(root, *back, "--dry-run")
    assert (1, [(0,)]) == (tried.code, ask(root, "SELECT count(*) FROM verdicts"))
    done = here(root, *back)
    assert 1 == done.code, done.err
    assert [] == [text for text in ("采纳 1", "不予采纳 1", f"第 {FIRST + 1} 行:缺少备注") if text not in done.out]
    filled(file, PASSWORD, {FIRST + 1: ("", "")})
    again = here(root, *back, "--json")
    assert (0, 1, []) == (again.code, json.loads(again.out)["before"], json.loads(again.out)["refused"])


def test_a_wrong_password_is_one_line(root: Path, secret: Path, tmp_path: Path) -> None:
    """A password that does not open the file is told in a line, with exit code 1, and stands in no output."""
    file = tmp_path / "list.xlsx"
    assert 0 == here(root, "cases", "export", *words(file, secret)).code
    secret.write_text("another password", "utf-8")
    done = here(root, "cases", "import", str(file), "--clerk", CLERK, "--password-file", str(secret))
    assert (1, "", 1) == (done.code, done.out, len(done.err.splitlines()))
    assert "another password" not in done.err


def test_a_password_that_others_may_read_is_refused(root: Path, secret: Path, tmp_path: Path) -> None:
    """A password file that others may read makes no worklist."""
    secret.chmod(0o644)
    done = here(root, "cases", "export", *words(tmp_path / "list.xlsx", secret))
    assert (2, False) == (done.code, (tmp_path / "list.xlsx").exists())


def at_terminal(site: Path, typed: list[str], *command_words: str) -> tuple[int, str]:
    """Runs a command whose terminal somebody types at, a line whenever it asks. Exit code, and what was shown."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command(site, *command_words), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=environment(),
    )  # fmt: skip
    os.close(theirs)
    shown, waiting = "", list(typed)
    # At its end a terminal without a process fails instead of ending.
    with contextlib.suppress(OSError):
        while select.select([ours], [], [], PATIENCE)[0] and (part := os.read(ours, 4096)):
            shown += part.decode("utf-8", errors="replace")
            if waiting and shown.endswith(": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
                shown += "\n"
    os.close(ours)
    return process.wait(PATIENCE), shown


def test_a_password_is_asked_for_twice(root: Path, secret: Path, tmp_path: Path) -> None:
    """Without a password file it is asked for, twice before it locks a file, and what is typed is not shown."""
    file = tmp_path / "list.xlsx"
    out = at_terminal(root, [PASSWORD] * 2, "cases", "export", *words(file, secret)[:-2])
    back = at_terminal(root, [PASSWORD], "cases", "import", str(file), "--clerk", CLERK)
    assert (0, 0) == (out[0], back[0]), out[1] + back[1]
    assert PASSWORD not in out[1] + back[1]


def test_without_a_terminal_nothing_is_asked(root: Path, secret: Path, tmp_path: Path) -> None:
    """A script that names no password file is told to, instead of waiting for somebody to type."""
    done = here(root, "cases", "export", *words(tmp_path / "list.xlsx", secret)[:-2])
    assert (1, True) == (done.code, "--password-file" in done.err)
