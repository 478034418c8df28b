"""A gateway whose clock jumps, by itself, under a run: nothing doubled, nothing lost, numbers given once."""

from collections.abc import Callable
from contextlib import closing
from datetime import date

import pytest

from gateway.errors import ExitCode
from tests.pipeline.rig import PLATFORM, Records, Rig
from tests.torture.child import Child, Order, Told

CIVIL = "civil_affairs"
HOURS = 3600.0
#: Seconds in which a run ends, on a machine that is busy.
PATIENCE = 120.0


def run(rig: Rig, jump: float, jumps_at: float) -> Told:
    """A run of which the clock alone jumps, after so many seconds."""
    child = Child(rig.site.settings.root)
    with closing(child):
        child.go(Order(today=date(2026, 11, 1), jump=jump, jumps_at=jumps_at))
        told = child.told(PATIENCE)
    assert told is not None
    return told


@pytest.mark.parametrize("jumps_at", [0.0, 0.3])
@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_jumps_under_a_run_changes_nothing(
    civil_rig: Rig, quiet: Callable[..., Records], hours: int, jumps_at: float
) -> None:
    """Whether it goes ahead or back, at once or under way, with messages open whose answer was lost: the run ends well,
    or the one after it where the jump fell into an SSH handshake, whose patience paramiko counts by that clock. Each
    message is carried out once, and the platform holds what it would have held."""
    civil_rig.peers.stage(1)
    civil_rig.peers.servers[PLATFORM].faults.add("lost_answer", where="L201", times=1000)
    assert ExitCode.LATER == civil_rig.told()[0]
    civil_rig.peers.well_behaved()
    told = run(civil_rig, hours * HOURS, jumps_at)
    if hours > 0 and told.exit_code is ExitCode.LATER:
        assert told.faults
        assert all(fault.startswith("sftp://") for fault in told.faults)
        told = run(civil_rig, 0.0, 0.0)
    assert (ExitCode.DONE, []) == (told.exit_code, list(told.faults))
    assert quiet(CIVIL) == civil_rig.records()
    assert ([], []) == (civil_rig.applied_twice(), civil_rig.applied_otherwise())
