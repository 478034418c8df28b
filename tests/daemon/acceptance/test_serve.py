"""The daemon as a process: it catches up, runs a slot once, and stops in two steps."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.acts import audit
from gateway.acts.runs import today
from gateway.calendar import ZONE
from gateway.store import runs
from gateway.store.audit import entries
from gateway.testing.site import staff
from tests.acts.lived import Lived, command, copy, edit, environment, gateway, opened
from tests.conftest import NewDatabase, on_both_databases
from tests.ledgers import ask, keep_in
from tests.pipeline.rig import later

#: Seconds for anything that is bound to happen.
PATIENCE = 90.0
ENDED = "SELECT 1 FROM runs WHERE slot IS NOT NULL AND ended_at IS NOT NULL"
Line = dict[str, Any]  # Any: JSON


class Served:
    """A running daemon and what it has logged."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(line for line in self.process.stderr)

    def _said(self) -> list[Line]:
        return [json.loads(line) for line in list(self.lines)]

    def wait_for(self, action: str, **ids: object) -> Line:
        """The first log line of this action and these ids."""
        return _until(
            lambda: next(
                (li for li in self._said() if li["action"] == action and all(li.get(k) == v for k, v in ids.items())),
                None,
            )
        )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal and waits; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def actions(self) -> list[str]:
        return [line["action"] for line in self._said()]


def _until(found: Callable[[], Line | None]) -> Line:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (line := found()) is not None:
            return line
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@contextmanager
def served(root: Path) -> Iterator[Served]:
    process = subprocess.Popen(
        command(root, "serve"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8", env=environment()
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def missed(lived: Lived, tmp_path: Path) -> Path:
    """A site whose last run was yesterday, and which missed the slot of an hour ago."""
    root = copy(lived.site, tmp_path)
    planned = datetime.now(ZONE) - timedelta(hours=1)
    never = 'schedule = "0 0 1 1 *"\n'
    for name in ("civil_affairs", "rural_revitalization", "disabled_federation", "tax"):
        line = f'schedule = "{planned.minute} {planned.hour} * * *"\n' if name == "civil_affairs" else never
        edit(root, f'plugin = "{name}"\n', f'plugin = "{name}"\n{line}')
    ask(root, "UPDATE runs SET started_at = ?", f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d %H:%M:%S.%f}")
    return root


def test_two_daemons_run_a_missed_slot_once(missed: Path) -> None:
    """A slot that passed while nobody was there is run at the start, by one of two daemons; both end cleanly."""
    with served(missed) as one, served(missed) as two:
        for daemon in (one, two):
            daemon.wait_for("daemon.start")
        _until(
            lambda: {} if ask(missed, "SELECT 1 FROM runs WHERE slot IS NOT NULL AND ended_at IS NOT NULL") else None
        )
        codes = [daemon.end() for daemon in (one, two)]
        actions = [daemon.actions() for daemon in (one, two)]
    assert [0, 0] == codes
    assert [("scheduled", "daemon")] == ask(missed, "SELECT kind, actor FROM runs WHERE slot IS NOT NULL")
    assert ["daemon.stop"] * 2 == [said[-1] for said in actions]
    assert 1 == sum(said.count("run.done") for said in actions)


@on_both_databases
def test_a_daemon_and_commands_write_one_chain(
    lived: Lived, missed: Path, database: str, new_database: NewDatabase
) -> None:
    """While a daemon runs what it missed, a clerk's commands record what they do; both are in one chain, which holds,
    and nobody waits for ever."""
    if database == "postgresql":
        keep_in(missed / "gateway.toml", new_database(database, at_head=True))
    with opened(missed) as site:
        if database == "postgresql":
            with later(days=-1), site.ledger.begin() as tx:  # a new ledger has missed nothing
                number = runs.start(tx, kind="run", actor="clerk", today=today())
                runs.end(tx, number or 0, "done", {"instances": {"civil_affairs": {}}})
            staff(site)
        lived.peers.fault("insurance_platform", "stall", times=1, where="L101", seconds=12)
        with served(missed) as daemon:
            daemon.wait_for("run.start")
            done = [gateway(missed, "outbox", word, "--note", "维护") for word in ("pause", "resume") * 2]
            daemon.wait_for("run.done")
            assert 0 == daemon.end()
        lived.peers.well_behaved()
        assert [0] * 4 == [one.code for one in done], done[0].err
        found = audit.checked(site)
        with site.ledger.begin() as tx:
            told = [one.act for one in entries(tx, act="", actor="", limit=1000)][::-1]
    assert ([], 0) == (found.breaks, found.unsigned)
    assert ["outbox.pause", "outbox.resume"] * 2 == [act for act in told if act.startswith("outbox.")]
    newest = told[len(told) - 1 - told[::-1].index("run.start") :]
    assert "run.end" in newest[newest.index("outbox.pause") :]


def test_the_first_signal_lets_the_run_finish(lived: Lived, missed: Path) -> None:
    """SIGTERM during a run: the daemon says what it waits for, finishes it, and exits with 0."""
    lived.peers.fault("insurance_platform", "stall", times=1, where="L101", seconds=4)
    with served(missed) as daemon:
        daemon.wait_for("run.start")
        code = daemon.end()
        waiting = daemon.wait_for("daemon.stopping")
    lived.peers.well_behaved()
    assert (0, "civil_affairs catch-up") == (code, waiting["waiting_for"])
    assert ["daemon.stopping", "run.done", "daemon.stop"] == daemon.actions()[-3:]
    assert [(True,)] == ask(missed, "SELECT ended_at IS NOT NULL FROM runs WHERE slot IS NOT NULL")


def test_the_second_signal_ends_at_once(lived: Lived, missed: Path) -> None:
    """A second signal does not wait; what it cut short is run again by the next daemon."""
    lived.peers.fault("insurance_platform", "stall", times=1, where="L101", seconds=25)
    with served(missed) as daemon:
        daemon.wait_for("run.start")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("daemon.stopping")
        before = time.monotonic()
        code = daemon.end()
        took = time.monotonic() - before
    lived.peers.well_behaved()
    assert -signal.SIGTERM == code
    assert took < 25  # as long as the platform would have taken
    with served(missed) as daemon:
        daemon.wait_for("run.done")
        assert 0 == daemon.end(signal.SIGINT)
    states = ask(missed, "SELECT state FROM runs WHERE slot IS NOT NULL ORDER BY id")
    assert ["interrupted", "held"] == [state for (state,) in states]


def test_a_daemon_whose_site_is_faulty_does_not_start(missed: Path) -> None:
    """A configuration that is wrong ends the daemon with exit code 2 and a sentence."""
    edit(missed, 'plugin = "tax"', 'plugin = "taxes"')
    with ExitStack() as stack:
        daemon = stack.enter_context(served(missed))
        assert 2 == daemon.process.wait(PATIENCE)
    assert [] == [line for line in daemon.lines if "Traceback" in line]


def listening(pid: int) -> list[str]:
    """Sockets of the process that wait for connections or datagrams, by the kernel's own tables."""
    inodes = set()
    for link in list(Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):  # closed since
            inodes.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            local, _remote, state, *rest = line.split()[1:]
            # 0A = TCP_LISTEN; of UDP an unconnected socket, 07.
            if state in ("0A", "07") and rest[5] in inodes:
                found.append(f"{table} {local}")
    unix = (line.split() for line in Path(f"/proc/{pid}/net/unix").read_text("utf-8").splitlines()[1:])
    # Flag 0x10000 = it accepts connections.
    return found + [f"unix {words[6]}" for words in unix if words[6] in inodes and int(words[3], 16) & 0x10000]


def test_it_listens_to_nobody(missed: Path) -> None:
    """A daemon that has worked has no socket on which anybody could reach it."""
    with served(missed) as daemon:
        daemon.wait_for("run.done")
        assert [] == listening(daemon.process.pid)


def test_a_listener_would_be_seen() -> None:
    """The look at the kernel's tables finds a socket that listens."""
    with socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + "test-listener")
        local.listen()
        assert {"tcp", "unix"} == {found.split()[0] for found in listening(os.getpid())}
