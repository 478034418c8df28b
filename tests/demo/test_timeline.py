"""The demo's rules of the timeline, each on an example worked out by hand."""

from datetime import date

from gateway.demo.timeline import Claim, birthday, timeline, twelve_months

ADULT = date(1980, 5, 5)


def day(text: str) -> date:
    return date.fromisoformat(text)


def claim(code: str, first: str, last: str | None = None, level: str = "") -> Claim:
    return Claim(code, level, day(first), None if last is None else day(last))


def test_clip() -> None:
    """What began before flags_from is sent from that day on, and what had ended by then is not sent."""
    assert [claim("7131", "2026-01-01")] == timeline([claim("7131", "2021-03-04")], [], ADULT, 1)
    assert [] == timeline([claim("7131", "2021-03-04", "2025-12-31")], [], ADULT, 1)
    last_day = claim("7131", "2026-01-01", "2026-01-01")
    assert [last_day] == timeline([claim("7131", "2021-03-04", "2026-01-01")], [], ADULT, 1)


def test_highest() -> None:
    """At every moment the highest identity stands, and the lower one is seen before and after it."""
    claims = [claim("7200", "2026-01-10"), claim("7019", "2026-03-01", "2026-04-30", "B")]
    expected = [
        claim("7200", "2026-01-10", "2026-02-28"),
        claim("7019", "2026-03-01", "2026-04-30", "B"),
        claim("7200", "2026-05-01"),
    ]
    assert expected == timeline(claims, [], ADULT, 1)


def test_use_two() -> None:
    """The subsidy knows only its own identities, and puts unstable households before marginal families."""
    claims = [
        claim("7200", "2026-01-01"),
        claim("7201", "2026-01-01"),
        claim("7203", "2026-02-01", "2026-02-28"),
    ]
    child = date(2015, 5, 5)
    assert [claim("7201", "2026-01-01")] == timeline(claims, [], child, 1)
    expected = [
        claim("7201", "2026-01-01", "2026-01-31"),
        claim("7203", "2026-02-01", "2026-02-28"),
        claim("7201", "2026-03-01", "2033-05-04"),
        claim("7201", "2075-05-05"),
    ]
    assert expected == timeline(claims, [], child, 2)


def test_levels() -> None:
    """Of two levels of one identity A goes before B, and 1 before 2."""
    allowance = [claim("7019", "2026-01-01", None, "B"), claim("7019", "2026-06-01", "2026-06-30", "A")]
    expected = [
        claim("7019", "2026-01-01", "2026-05-31", "B"),
        claim("7019", "2026-06-01", "2026-06-30", "A"),
        claim("7019", "2026-07-01", None, "B"),
    ]
    assert expected == timeline(allowance, [], ADULT, 1)
    grades = [claim("7069", "2026-01-01", None, "2"), claim("7069", "2026-01-01", None, "1")]
    assert [claim("7069", "2026-01-01", None, "1")] == timeline(grades, [], ADULT, 1)


def test_merged() -> None:
    """Neighbours with the same identity and level are one; a day between them keeps them apart."""
    one, other = claim("7204", "2026-01-01", "2026-03-31"), claim("7204", "2026-04-01", "2026-05-31")
    assert [claim("7204", "2026-01-01", "2026-05-31")] == timeline([one, other], [], ADULT, 1)
    later = claim("7204", "2026-04-02", "2026-05-31")
    assert [one, later] == timeline([one, later], [], ADULT, 1)


def test_twelve_months() -> None:
    """Twelve months from 1 March end on the last day of February, leap year or not."""
    assert day("2027-02-28") == twelve_months(day("2026-03-01"))
    assert day("2028-02-29") == twelve_months(day("2027-03-01"))
    assert day("2026-07-14") == twelve_months(day("2025-07-15"))


def test_age_windows() -> None:
    """A marginal family's member is subsidised to the eve of the 18th birthday and again from the 60th."""
    claims = [claim("7201", "2024-05-01")]
    young = [claim("7201", "2026-01-01", "2027-05-04"), claim("7201", "2069-05-05")]
    assert young == timeline(claims, [], date(2009, 5, 5), 2)
    assert [claim("7201", "2028-11-30")] == timeline(claims, [], date(1968, 11, 30), 2)
    assert [claim("7201", "2026-01-01")] == timeline(claims, [], date(1950, 1, 1), 2)


def test_leap_day() -> None:
    """Who was born on 29 February comes of age on 1 March of a common year."""
    assert day("2026-03-01") == birthday(date(2008, 2, 29), 18)
    assert day("2068-02-29") == birthday(date(2008, 2, 29), 60)
    expected = [claim("7201", "2026-01-01", "2026-02-28"), claim("7201", "2068-02-29")]
    assert expected == timeline([claim("7201", "2024-05-01")], [], date(2008, 2, 29), 2)


def test_severely_disabled() -> None:
    """A marginal family's adult is subsidised exactly while severely disabled, which alone is no subsidy."""
    claims = [claim("7201", "2025-01-01"), claim("7069", "2026-03-10", "2026-09-09", "2")]
    assert [claim("7201", "2026-03-10", "2026-09-09"), claim("7201", "2040-05-05")] == timeline(
        claims, [], ADULT, 2
    )
    assert [] == timeline(claims[1:], [], ADULT, 2)


def test_standing_takes_part() -> None:
    """A record that stands already counts by its place in the order, ends on its own day, and for its use
    only.
    """
    standing = [claim("7110", "2026-03-01", "2027-02-28")]
    claims = [claim("7200", "2023-01-01"), claim("7019", "2026-11-02", None, "A")]
    expected = [
        claim("7200", "2026-01-01", "2026-02-28"),
        claim("7110", "2026-03-01", "2026-11-01"),
        claim("7019", "2026-11-02", None, "A"),
    ]
    assert expected == timeline(claims, standing, ADULT, 1)
    assert [claim("7019", "2026-11-02", None, "A")] == timeline(claims, [], ADULT, 2)


def test_standing_before() -> None:
    """What of a standing record lies before flags_from stays as it is, whatever a list says of those days."""
    standing = [claim("7110", "2025-06-01", "2026-05-31")]
    claims = [claim("7019", "2024-01-01", None, "C")]
    expected = [claim("7110", "2025-06-01", "2025-12-31"), claim("7019", "2026-01-01", None, "C")]
    assert expected == timeline(claims, standing, ADULT, 1)
    assert standing == timeline([], standing, ADULT, 1)
    ended = [claim("7110", "2024-05-01", "2025-04-30")]
    assert ended == timeline([], ended, ADULT, 1)
