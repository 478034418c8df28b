"""Files of exports that keep the contract in other ways than our twins: under another name, or none at all."""

import gzip

import pytest

from gateway.model.deliveries import DeliveryState
from tests.pipeline.conftest import NewRig
from tests.pipeline.exports import HEADER, ROW, TAX, taken


@pytest.mark.parametrize("name", ["payments.csv.gz", "payments.csv", "payments"])
def test_a_packed_file_is_known_by_its_bytes(new_rig: NewRig, name: str) -> None:
    """The contract says what a file is, not what it is called."""
    rig = new_rig(TAX)
    assert ["export"] == taken(rig, {name: gzip.compress(f"\ufeff{HEADER}\n{ROW}\n".encode())})
    assert 1 == rig.row("export").rows


def test_an_export_without_a_file_is_an_empty_list(new_rig: NewRig) -> None:
    """A day on which nobody paid may come without any file: it is taken, with no row, and applied."""
    rig = new_rig(TAX)
    assert ["export"] == taken(rig, {})
    rig.peers.stage(1)
    rig.run(only=[])
    assert (DeliveryState.APPLIED, 0) == (rig.row("export").state, rig.row("export").rows)
