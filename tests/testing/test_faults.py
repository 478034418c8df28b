"""The orders of faults."""

import pytest

from gateway.testing import Faults
from gateway.testing.faults import HTTP_FAULTS


def test_a_fault_happens_as_often_as_ordered() -> None:
    """`after` lets some pass, `times` bounds it, `where` narrows it, and the count tells."""
    faults = Faults(HTTP_FAULTS)
    faults.add("drop", times=2, after=1, where="L201")
    labels = ["L101", "L201", "L201", "L101", "L201", "L201"]
    assert [False, False, True, False, True, False] == [bool(faults.take("drop", label)) for label in labels]
    assert {"drop": 2} == faults.happened


def test_the_first_order_goes_first() -> None:
    """Of several orders that apply, the older one is carried out, with its own options."""
    faults = Faults(HTTP_FAULTS)
    faults.add("status", code=500)
    faults.add("drop")
    fault = faults.take(("drop", "status"))
    assert fault is not None
    assert ("status", 500, 2) == (fault.name, fault.whole("code", 503), fault.whole("retry_after", 2))
    assert {"drop": 1} == faults.pending()
    faults.clear()
    assert not faults.armed("drop")


@pytest.mark.parametrize(
    "order", [{"name": "dorp"}, {"name": "drop", "bytes": 1}, {"name": "drop", "times": 0}]
)
def test_a_misspelt_order_is_refused(order: dict[str, int]) -> None:
    """A fault or an option that the server doesn't have is an error, not a test that passes for nothing."""
    with pytest.raises(ValueError, match="d"):
        Faults(HTTP_FAULTS).add(**order)  # type: ignore[arg-type]
