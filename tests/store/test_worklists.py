"""Worklists in the ledger."""

from gateway.store import Ledger, worklists


def test_a_worklist_is_found_by_its_number(ledger: Ledger) -> None:
    """What was shown of each case is kept as it was, up to the largest digest; another number is nobody's."""
    shown = {1: 0, 20: (1 << 63) - 1}
    with ledger.begin() as tx:
        numbers = [
            worklists.add(tx, county=county, clerk="甲", actor="a", cases=shown) for county in ("451081", "451002")
        ]
        worklists.made(tx, numbers[1], "d" * 64)
    with ledger.begin() as tx:
        known = [worklists.get(tx, number) for number in numbers]
        assert None is worklists.get(tx, max(numbers) + 1)
    assert [("451081", shown), ("451002", shown)] == [(one.county, one.cases) for one in known if one]
