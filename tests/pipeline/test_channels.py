"""What is said to protect plain HTTP is written down by the first run that relies on it, and shown by the doctor."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.acts import doctor
from gateway.bootstrap import open_site
from gateway.settings import FILE
from gateway.store.ledger import acts
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig

#: Nobody asks it for anything here.
BASE = "http://tax.example/"


@dataclass
class Told:
    """A site whose tax bureau is said to be elsewhere, and is never asked."""

    rig: Rig
    #: Its settings, with a place for the address and the channel.
    settings: str

    @property
    def root(self) -> Path:
        return self.rig.site.settings.root

    def ran(self, base: str, channel: str) -> list[tuple[str, str, str]]:
        """What the ledger has of channels after a run of nobody, with that address and that channel."""
        text = self.settings.replace("PLACE", f'base = "{base}"\nchannel = "{channel}"')
        (self.root / FILE).write_text(text, "utf-8")
        site = open_site(self.root)
        try:
            Rig(peers=self.rig.peers, site=site).run(only=[])
            with site.ledger.begin() as tx:
                rows = acts(tx, "channel.named")
        finally:
            site.ledger.close()
        assert {"test"} >= {row.actor for row in rows}
        return [(row.detail["peer"], row.detail["host"], row.detail["channel"]) for row in rows]


@pytest.fixture
def told(new_rig: NewRig) -> Told:
    """A site of tax alone, not on trial."""
    rig = new_rig("tax")
    text = (rig.site.settings.root / FILE).read_text("utf-8").replace("trial = true\n", "")
    there = next(line for line in text.partition("[sources.tax]")[2].splitlines() if line.startswith("base ="))
    return Told(rig=rig, settings=text.replace(there, "PLACE"))


def test_a_channel_is_written_down_once(told: Told) -> None:
    """The first run writes down the peer, its host and the site's words; the next one nothing; other words anew; and
    the way back to TLS, too."""
    first, second = (("tax", "tax.example", f"国密 VPN {name}") for name in "甲乙")
    assert [] == told.ran("http://127.0.0.1:9/", "")
    assert [first] == told.ran(BASE, "国密 VPN 甲")
    assert [first] == told.ran(BASE, "国密 VPN 甲")
    assert [first, second] == told.ran(BASE, "国密 VPN 乙")
    assert [first, second, ("tax", "", "")] == told.ran("https://tax.example/", "国密 VPN 乙")
    assert 3 == len(told.ran("https://tax.example/", ""))


def test_the_doctor_shows_it(told: Told) -> None:
    """The doctor warns of each peer in the clear, with the words that the site relies on."""
    told.ran(BASE, "国密 VPN 甲")
    # Not to its end, where it would connect to them.
    shown = next(f for f in doctor.examine(told.root) if f.check == "channels")
    assert ("warning", True) == (shown.state, "国密 VPN 甲" in shown.text and "tax.example" in shown.text)
