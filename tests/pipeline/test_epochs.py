"""The site's keys are rotated while it works: nothing is refused, and everything opens at every moment."""

import fcntl
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.acts import keys
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, NotAllowed, NotFound, SealBroken, TryLater
from gateway.land import land
from gateway.pipeline import epochs
from gateway.pipeline.certificates import certified
from gateway.site import Site
from gateway.store import outbox
from gateway.vault import ring
from gateway.vault.seal import value_key_id
from tests.conftest import on_both_databases
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import PLATFORM, Records, Rig, later
from tests.processes import PROCESSES


def key_ids(site: Site) -> list[str]:
    """The epochs whose keys are kept, oldest first."""
    return [entry.key_id for entry in site.keyring.ring.file.epochs]


def read_all(site: Site) -> int:
    """Opens every sealed file to its end; how many. Raises SealBroken."""
    files = list(epochs.sealed_files(site))
    for path in files:
        if path.parent == site.frames:
            site.read_frame(path.name)
        else:
            with site.keyring.sealer.open(path) as reader:
                reader.read()
    return len(files)


def settled(rig: Rig, day: int = 1) -> Rig:
    """After a run of that day's lists."""
    rig.peers.stage(day)
    assert (ExitCode.DONE, "") == rig.told(day)
    return rig


@on_both_databases
def test_everything_passes_to_the_new_key_and_opens_without_the_old(new_rig: NewRig) -> None:
    """After a rotation and the end of the old key every file opens, the same lists change nothing, and a new list is
    taken; the certificate is signed, and says what was opened without the key."""
    rig = settled(new_rig("civil_affairs"))
    (old,), held = key_ids(rig.site), rig.records()
    done = keys.rotate(rig.site, actor="security")
    assert [old, done.key_id] == key_ids(rig.site)
    files = read_all(rig.site)
    assert (files, 0, []) == (done.passed.files, done.passed.left, done.passed.broken)
    with later(hours=1.1):
        name = keys.destroy(rig.site, old, actor="security", note="换用新密钥")
    assert [done.key_id] == key_ids(rig.site)
    assert files == read_all(rig.site)
    path, public = rig.site.settings.var / "certificates" / name, rig.site.keyring.signing_key.public.hex
    said = certified(path, public)
    assert said is not None
    assert ("epoch", old, {"files": files, "values": 0}) == (said["kind"], said["key"], said["opened_without"])
    assert (ExitCode.DONE, "") == rig.told(1)
    assert held == rig.records()
    settled(rig, 2)


def test_a_changed_certificate_is_found(civil_rig: Rig) -> None:
    """Another key id in it, or another signer, and it certifies nothing."""
    settled(civil_rig)
    (old,) = key_ids(civil_rig.site)
    keys.rotate(civil_rig.site, actor="security")
    with later(hours=1.1):
        name = keys.destroy(civil_rig.site, old, actor="security", note="换用新密钥")
    path, public = civil_rig.site.settings.var / "certificates" / name, civil_rig.site.keyring.signing_key.public.hex
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, "0" * 16), "utf-8")
    assert certified(path, public) is None


def test_a_run_that_began_under_the_old_key_ends_under_the_new(
    civil_rig: Rig, quiet: Callable[..., Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process rotates while a run reads a list: the run is refused nothing, what it seals afterwards is under
    the new key, and what the platform holds is what it would hold anyway."""
    other = open_site(civil_rig.site.settings.root)

    def land_meanwhile(**kwargs: object) -> object:
        keys.rotate(other, actor="security")
        return land(**kwargs)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr("gateway.pipeline.intake.land", land_meanwhile)
    settled(civil_rig)
    other.ledger.close()
    assert quiet("civil_affairs") == civil_rig.records()
    read_all(civil_rig.site)
    used = epochs.usage(civil_rig.site)
    assert {key_ids(civil_rig.site)[-1]} == set(used.files)


def test_a_run_and_rotations_side_by_side(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Rotation after rotation while a run goes on: neither refuses anything."""
    other, done, faults = open_site(civil_rig.site.settings.root), threading.Event(), list[Exception]()

    def rotate() -> None:
        try:
            for _time in range(5):
                keys.rotate(other, actor="security")
                if done.is_set():
                    break
        except Exception as fault:  # told below
            faults.append(fault)

    turning = threading.Thread(target=rotate)
    turning.start()
    try:
        settled(civil_rig)
    finally:
        done.set()
        turning.join()
        other.ledger.close()
    assert [] == faults
    assert quiet("civil_affairs") == civil_rig.records()
    keys.pass_on(civil_rig.site)
    assert {key_ids(civil_rig.site)[-1]} == set(epochs.usage(civil_rig.site).files)


def _rotate_and_die(root: Path, after: int) -> None:
    """In a process of its own: killed after so many writes to the disk that were made sure of."""
    site, synced, left = open_site(root), os.fsync, [after]

    def fsync(descriptor: Any) -> None:  # a number, or a file
        synced(descriptor)
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync  # type: ignore[assignment]
    keys.rotate(site, actor="security")


@pytest.mark.one_in(2)
@pytest.mark.parametrize("after", [0, 1, 2, 3, 9, 20])
def test_whoever_is_killed_while_rotating_leaves_a_site_that_works(civil_rig: Rig, after: int) -> None:
    """Killed before the new key counts, right after, or among the files: all opens, and the next pass ends the work."""
    settled(civil_rig)
    process = PROCESSES.Process(target=_rotate_and_die, args=(civil_rig.site.settings.root, after), daemon=True)
    process.start()
    process.join()
    assert -signal.SIGKILL == process.exitcode
    files = read_all(civil_rig.site)
    assert ["passphrase", "provider.json", "ring.json"] == sorted(
        path.name
        for path in (civil_rig.site.settings.root / "keys").iterdir()
        if path.suffix in (".json", "") and not path.name.startswith(".")
    )
    keys.pass_on(civil_rig.site)
    assert {key_ids(civil_rig.site)[-1]: files} == epochs.usage(civil_rig.site).files
    assert (ExitCode.DONE, "") == civil_rig.told(1)


def test_an_open_message_is_repeated_under_its_number_after_its_key_is_gone(new_rig: NewRig) -> None:
    """What a run may be sending is left alone by a rotation, passes before the old key goes, and is repeated."""
    rig = new_rig("civil_affairs")
    rig.peers.stage(1)
    rig.peers.servers[PLATFORM].faults.add("lost_answer", times=10_000, where="L201")
    rig.told(1)
    (old,), sent = key_ids(rig.site), len(rig.uploads())
    assert 0 < keys.rotate(rig.site, actor="security").passed.left
    with rig.site.ledger.begin() as tx:
        assert {old} == {value_key_id(one.sealed_input) for one in outbox.open_messages(tx)}
    with later(hours=1.1):
        keys.destroy(rig.site, old, actor="security", note="换用新密钥")
        rig.peers.well_behaved()
        assert (ExitCode.DONE, "") == rig.told(1)
    assert {True} == {entry["repeated"] for entry in rig.uploads()[sent:]}
    assert [] == rig.applied_twice()


def test_a_key_that_something_needs_is_not_destroyed(civil_rig: Rig) -> None:
    """A file that could not pass on keeps the old key alive; afterwards it goes."""
    settled(civil_rig)
    (old,), path = key_ids(civil_rig.site), next(civil_rig.site.archive.iterdir())
    with path.open("rb") as busy, later(hours=1.1):
        fcntl.flock(busy, fcntl.LOCK_EX)
        assert 1 == keys.rotate(civil_rig.site, actor="security").passed.left
        with later(hours=1.1), pytest.raises(NotAllowed, match=old):
            keys.destroy(civil_rig.site, old, actor="security", note="换用新密钥")
    assert old in key_ids(civil_rig.site)
    read_all(civil_rig.site)
    with later(hours=2.3):
        keys.destroy(civil_rig.site, old, actor="security", note="换用新密钥")
    assert old not in key_ids(civil_rig.site)
    read_all(civil_rig.site)


def test_what_may_not_be_destroyed(civil_rig: Rig) -> None:
    """Not the key in use, not one that is not there, and no key within the hour after its successor began."""
    (old,) = key_ids(civil_rig.site)
    with pytest.raises(NotAllowed, match=old):
        keys.destroy(civil_rig.site, old, actor="security", note="x")
    with pytest.raises(NotFound, match="nobody"):
        keys.destroy(civil_rig.site, "nobody", actor="security", note="x")
    keys.rotate(civil_rig.site, actor="security")
    with pytest.raises(TryLater):
        keys.destroy(civil_rig.site, old, actor="security", note="x")
    assert old == key_ids(civil_rig.site)[0]


def test_a_file_that_no_key_opens_is_named_and_stops_nothing(civil_rig: Rig) -> None:
    """A damaged file is told by name; the others pass on, and the old key may go."""
    settled(civil_rig)
    path = next(civil_rig.site.archive.iterdir())
    path.write_bytes(path.read_bytes()[:50])
    (old,), named = key_ids(civil_rig.site), f"archive/{path.name}"
    assert [named] == keys.rotate(civil_rig.site, actor="security").passed.broken
    assert (named,) == keys.status(civil_rig.site, actor="security").broken
    with later(hours=1.1):
        keys.destroy(civil_rig.site, old, actor="security", note="换用新密钥")


def test_a_ring_of_before_the_rotation_names_the_key_that_is_missing(civil_rig: Rig) -> None:
    """Whoever restores an old ring.json loses what was sealed since, and is told which key is gone; with the newest
    ring all is back."""
    file = civil_rig.site.settings.root / "keys" / ring.FILE
    before = file.read_bytes()
    new = keys.rotate(civil_rig.site, actor="security").key_id
    settled(civil_rig)
    newest = file.read_bytes()
    file.write_bytes(before)
    site = open_site(civil_rig.site.settings.root)
    with pytest.raises(SealBroken, match=new):
        read_all(site)
    file.write_bytes(newest)
    read_all(site)
    site.ledger.close()
