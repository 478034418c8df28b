"""The second limit, past which two people approve."""

import pytest

from gateway.model.holds import Breach
from gateway.pipeline.limits import approvals
from gateway.settings import LimitSettings


@pytest.mark.parametrize(
    ("leaving", "holding", "needed"), [(61, 203, 2), (61, 204, 1), (60, 100, 1), (1000, 4000, 1), (2, 2, 1)]
)
def test_share_and_number_must_both_be_passed(leaving: int, holding: int, needed: int) -> None:
    """Two people approve where more than 60 and more than 30 % leave, else one."""
    breach = Breach(delivery=1, scope="", leaving=leaving, holding=holding, kind="scope")
    assert needed == approvals(LimitSettings(), breach)
