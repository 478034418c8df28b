"""Nobody is readable in what the gateway keeps or says: names and numbers in any form, in any file."""

from pathlib import Path

import pytest

from gateway import logs
from gateway.errors import ExitCode
from tests import ledgers
from tests.acceptance.test_samples import DAYS, SAMPLES
from tests.acceptance.town import town
from tests.scan import files_of, forms, leaks, people_of


def readable(city: Path, days: int, work: Path, capfd: pytest.CaptureFixture[str]) -> list[dict[str, int]]:
    """Runs the days, the first with connections that break, and looks everywhere after each: the files in which
    somebody is seen, and how many people."""
    wanted, log, seen = people_of(city), work / "log.txt", list[dict[str, int]]()
    with town(city, work) as at, log.open("w", encoding="utf-8") as stream, logs.written_to(stream):
        at.peers.fault("tax", "cut", times=20, where="files")
        at.peers.fault("civil_affairs", "cut", times=1, where=".zip", bytes=2000)
        for day in range(1, days + 1):
            report = at.live(day)
            at.peers.well_behaved()
            stream.write("".join(capfd.readouterr()) + "".join(report.faults) + repr(report.detail()))
            stream.flush()
            looked = [*files_of(at.site.settings.root), *ledgers.files(at.site.settings.root), log]
            seen.append(leaks(wanted, looked))
        assert {log, *ledgers.files(at.site.settings.root)} < {*looked}
        assert {"archive", "frames", "keys"} < {path.parent.name for path in looked}
        assert ExitCode.HELD == report.exit_code
    return seen


def test_whoever_is_in_a_file_is_seen(tmp_path: Path) -> None:
    """Of everybody of a city, in whatever form they are written, each is seen, among other bytes too."""
    wanted = {"覃小燕", "韦乙", "451002" + "19900307" + "123X", "451002900307123", "4510" + "0" * 18 + "1234"}
    for text in wanted:
        for number, form in enumerate(forms(text)):
            file = tmp_path / f"{number}"
            file.write_bytes(b"\x00\xff12" + form + b"34\xfe")
            assert 1 <= leaks(wanted, [file])[str(file)], (text, form)
    (tmp_path / "clean").write_bytes("百色市 20261101 9f9f9f 已标识".encode())
    assert {} == leaks(wanted, [tmp_path / "clean"])


@pytest.mark.slow
def test_nobody_of_a_city_is_readable(small_city: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No number and no name of the city is in any file of the site, in its logs, or in what it prints, after whole days
    and after broken connections."""
    assert [{}] * 3 == readable(small_city, 3, tmp_path, capfd)


@pytest.mark.long
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples beside the checkout")
def test_nobody_of_the_samples_is_readable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same for the samples."""
    assert [{}] * DAYS == readable(SAMPLES, DAYS, tmp_path, capfd)
