"""`gateway explain` with its two dates, as a person and a script use it."""

import json

import pytest

from tests.acts.lived import Lived, here
from tests.ledgers import ask

#: Who holds something, and of whom the platform confirmed a list that names something.
SOMEBODY = """
SELECT person_key FROM recognitions WHERE known_to IS NULL AND last IS NULL AND person_key IN (
  SELECT c.person_key FROM confirmed c JOIN lists l ON l.id = c.list_id WHERE c.origin = 'receipt' AND l.records <> ''
) ORDER BY id LIMIT 1
"""


def test_a_day_and_a_time_are_answered(lived: Lived) -> None:
    """What was true on a day and known at a time is told in Chinese, with the line it came from and what the platform
    had confirmed; of a time before the first run nothing is; and nobody's number is shown."""
    person = str(ask(lived.site, SOMEBODY)[0][0])
    day = ["explain", person, "--as-of", "2026-11-03"]
    now, before = here(lived.site, *day), here(lived.site, *day, "--known-at", "2020-01-01")
    assert [0, 0] == [now.code, before.code]
    heads = [line for line in now.out.splitlines() if line.startswith(("当时采信", "平台当时"))]
    assert ["当时采信:", "平台当时已确认:"] == heads
    assert " 批次 " in now.out
    assert ["当时采信:无", "平台当时已确认:无"] == before.out.splitlines()[1:]
    assert [] == [1 for one in lived.people() if one["certno"] in now.out + before.out]


def test_a_script_reads_both_dates(lived: Lived) -> None:
    """With `--json` the answer says for which day and by what was known when it holds; a time alone is of today."""
    person = str(ask(lived.site, SOMEBODY)[0][0])
    run = ask(lived.site, "SELECT max(id) FROM runs")[0][0]
    seen = json.loads(here(lived.site, "explain", person, "--known-at", "2099-01-01T08:30", "--json").out)
    assert (run, True) == (seen["run"], str(seen["known_at"]).startswith("2099-01-01"))
    day = json.loads(here(lived.site, "explain", person, "--as-of", "1999-01-01", "--json").out)
    assert ("1999-01-01", []) == (day["as_of"], day["believed"])


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", "2026-11-01T25:00", ""])
def test_a_time_that_is_none_is_refused(lived: Lived, time: str) -> None:
    """What is no day and no time is refused, with the form that is meant."""
    done = here(lived.site, "explain", "1", "--known-at", time)
    assert 2 == done.code
    assert "2026-11-05" in done.err
