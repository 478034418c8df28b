"""The demo, as `make demo` runs it, and that its comparison would find what it looks for."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.demo.compare import check_records, check_rows
from gateway.errors import ExitCode
from tests.acceptance.town import town

Records = list[dict[str, str]]
README = Path(__file__).parents[2] / "README.md"
SHOWN = re.compile("```text\n(一、.*?)```", re.DOTALL)


def plain(text: str) -> list[str]:
    """The lines without what depends on the width of a screen, and without seconds."""
    lines = (" ".join(re.sub("全程.*", "", line).replace("─", "").split()) for line in text.splitlines())
    return [line for line in lines if line]


def truth(city: Path) -> Records:
    """The truth's records of day 1, as if the platform held just these."""
    header, *lines = (city / "day1" / "truth_records.csv").read_text("utf-8").splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda records: records, 0),
        (lambda records: records[1:], 1),
        (lambda records: [*records, {**records[0], "psn_no": "somebody else"}], 1),
        (lambda records: [{**records[0], "endtime": "2026-12-31 23:59:59"}, *records[1:]], 1),
    ],
)
def test_a_record_that_differs_is_found(spoil: Callable[[Records], Records], found: int, small_city: Path) -> None:
    """A record that is missing, one too many, or one with another end makes its person wrong, and nobody else."""
    undecided = check_records(small_city, 1, []).open
    records = [record for record in truth(small_city) if record["psn_no"] not in undecided]
    check = check_records(small_city, 1, spoil(records))
    assert found == len(check.wrong)
    assert check.people == check.exact + found


def test_rows_that_were_never_taken_are_found(small_city: Path, tmp_path: Path) -> None:
    """A row that the gateway did not write down is a difference: before a run, that is every row of the day."""
    with town(small_city, tmp_path) as at:
        check = check_rows(at.site, small_city, 1)
        assert check.rows == len(check.unexpected) > 0


@pytest.mark.slow
def test_the_demo_runs_and_tells(tmp_path: Path) -> None:
    """`python -m gateway.demo` ends with 0 where all is exact, its summary has a line for each thing promised, and what
    the README shows of it is what it says, but for the seconds."""
    command = [sys.executable, "-m", "gateway.demo", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ExitCode.DONE == done.returncode, done.stderr
    for heading in ("一、", "二、", "三、", "四、", "五、", "六、", "七、", "重放:重收批次 0", "结论:"):
        assert heading in done.stdout
    assert "✗" not in done.stdout
    assert (tmp_path / "kept" / "city" / "day3" / "truth_records.csv").is_file()
    (shown,), said = SHOWN.findall(README.read_text("utf-8")), plain(done.stdout)
    assert [] == [line for line in plain(shown) if line not in said]


def test_the_demo_keeps_out_of_a_folder_in_use(tmp_path: Path) -> None:
    """A folder that holds something is refused before anything is made."""
    (tmp_path / "mine").touch()
    command = [sys.executable, "-m", "gateway.demo", "--keep", str(tmp_path)]
    assert ExitCode.CONFIGURATION == subprocess.run(command, capture_output=True, timeout=60).returncode
    assert [tmp_path / "mine"] == list(tmp_path.iterdir())
