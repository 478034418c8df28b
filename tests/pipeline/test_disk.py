"""A disk that is full, a seal that is broken, a plugin that stumbles: one clear line, and the rest goes on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.errors import ExitCode
from gateway.store import checkpoints, runs
from gateway.testing.site import SHARING, own_plugins
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Records, Rig, open_rig

CIVIL, FEDERATION = "civil_affairs", "disabled_federation"
DISK = 24 << 20
SAYS = "→"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a file system of its own needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("free", [0, 40_000, 200_000, pytest.param(500_000, marks=pytest.mark.of_sqlite)])
def test_a_full_disk_is_told_and_passes(small_disk: Path, city: Path, quiet: Callable[..., Records], free: int) -> None:
    """Wherever the disk runs full, the run says so in one line with what to do, and with room again the next run ends
    where an undisturbed one ends."""
    with open_rig(city, small_disk, CIVIL) as rig:
        rig.peers.stage(1)
        filler = small_disk / "filler"
        _fill(filler, small_disk, free)
        code, said = rig.told()
        assert ExitCode.LATER == code
        assert "磁盘" in said
        assert SAYS in said
        filler.unlink()
        assert (ExitCode.DONE, "") == rig.told()
        assert quiet(CIVIL) == rig.records()
        assert [] == rig.applied_twice()


def _fill(filler: Path, disk: Path, free: int) -> None:
    room = shutil.disk_usage(disk).free - free
    with filler.open("wb") as file:
        file.write(bytes(room))


def test_a_folder_that_may_not_be_written_is_told(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Where the archive cannot be written at all, the run says so, and the delivery is taken once that is mended."""
    civil_rig.peers.stage(1)
    archive = civil_rig.site.archive
    archive.rmdir()
    archive.write_text("in the way", "utf-8")
    code, said = civil_rig.told()
    assert ExitCode.LATER == code
    assert "磁盘读写失败" in said
    archive.unlink()
    archive.mkdir()
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()


def test_a_broken_seal_is_a_known_error(civil_rig: Rig) -> None:
    """A sealed frame that was changed on disk stops the settling that needs it with one line that names the file and
    what to do; nothing is sent on its ground."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    before, sent = civil_rig.records(), len(civil_rig.uploads())
    file = civil_rig.site.frames / str(civil_rig.rows()[0].entries_file)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with civil_rig.site.ledger.begin() as tx:
        checkpoints.write(tx, {"": {}})
    code, said = civil_rig.told(2)
    assert ExitCode.FAILED == code
    assert file.name in said
    assert SAYS in said
    assert (before, sent) == (civil_rig.records(), len(civil_rig.uploads()))


STUMBLES = '''
"""A department whose plugin stumbles."""

from gateway.plugin import HttpOptions, Source, hookimpl


class Stumbling(Source):
    """One that always stumbles."""

    slug = "stumbling"
    Options = HttpOptions

    def offers(self, session):
        return [{}["SECRET-CELL"]]

    def fetch(self, session, offer):
        raise NotImplementedError

    def check(self, session):
        yield ""


@hookimpl
def gateway_register_sources(register):
    register(Stumbling)
'''
MAPPING = """
title = "甲"
format = "csv"
[columns]
name = { aliases = ["姓名"], kind = "name", required = true }
number = { aliases = ["号码"], kind = "number", required = true }
"""


def test_a_plugin_that_stumbles_stops_no_other(new_rig: NewRig, quiet: Callable[..., Records]) -> None:
    """A surprise in one source's plugin is told with its place in the code and without its text; the others go on."""
    rig = new_rig(CIVIL)
    rig.peers.stage(1)
    root = rig.site.settings.root
    own_plugins(root, stumbling=STUMBLES)
    (root / "mappings").mkdir(exist_ok=True)
    (root / "mappings" / "stumbling.toml").write_text(MAPPING, "utf-8")
    with (root / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[sources.another]\nplugin = "stumbling"\nbase = "http://127.0.0.1:1/"\n{SHARING}\n')
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.child", str(root), "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ("", 0) == (done.stderr, done.returncode)
    with rig.site.ledger.begin() as tx:
        run = runs.recent(tx, 1)[0]
    (said,) = run.detail["instances"]["another"]["faults"]
    assert "KeyError(stumbling.py" in said
    assert "SECRET-CELL" not in said
    assert "failed" == run.state
    assert quiet(CIVIL) == rig.records()


def test_old_partial_downloads_are_swept(civil_rig: Rig) -> None:
    """A partial download that nobody goes on with is given up after a week, and a fresh one is kept."""
    folder = civil_rig.site.incoming(CIVIL)
    old, fresh = folder / "old.part", folder / "fresh.part"
    for path in (old, fresh):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    civil_rig.run()
    assert [fresh] == list(folder.iterdir())
