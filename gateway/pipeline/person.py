"""One person: what the platform should hold by what is believed of them, and does not, is queued and sent.

Takes a person key; reads nothing anew: what is believed stands in the ledger. Somebody who was never uploaded is asked
for first, and what others wrote is adopted, as in a settlement. Opens the roster's blocks of this person alone.
"""

from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState
from gateway.model.frames import RECOGNITIONS
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel, open_channel
from gateway.pipeline.push import repeat_open, send_due
from gateway.pipeline.run import RunReport, recorded
from gateway.pipeline.standing import Standing
from gateway.pipeline.wanted import look, wanted
from gateway.site import Site
from gateway.store import deliveries, outbox, people, withdrawals


def resync_person(site: Site, person: int, today: date, *, actor: str) -> RunReport | None:
    """Queues and sends what differs. A run with a row of its own; raises TryLater where another one goes on."""
    return recorded(site, today, lambda report: _walk(site, person, report), actor=actor, kind="resync")


def _walk(site: Site, person: int, report: RunReport) -> None:
    with open_channel(site, report.today) as channel:
        bring_into_line(site, channel, person, report)


def bring_into_line(site: Site, channel: PlatformChannel, person: int, report: RunReport) -> None:
    """Sends what was open, then what differs of this person."""
    bring_all_into_line(site, channel, pl.Series("person_key", [person], pl.Int64), report)


def bring_all_into_line(site: Site, channel: PlatformChannel, only: pl.Series, report: RunReport) -> None:
    """The same for several people (person keys)."""
    repeat_open(site, channel, report.pushed)
    queue, standing = differences(site, channel, only)
    with site.ledger.begin() as tx:
        people.adopt(tx, standing.adopted)
        people.confirm_readback(tx, standing.confirmed)
        withdrawals.end(tx, standing.lapsed)
        outbox.replace_queue(tx, queue, report.run, people=only)
    send_due(site, channel, report.pushed, only)
    if report.pushed.fault:
        report.fault(report.pushed.fault)


def differences(site: Site, channel: PlatformChannel, only: pl.Series) -> tuple[pl.DataFrame, Standing]:
    """As `wanted`, for these people (person keys) by what the ledger says is believed of them."""
    roster.needed(site)
    with site.ledger.begin() as tx:
        believed = people.recognitions(tx, people=only).select(RECOGNITIONS.names())
        spoke = {row.instance for row in deliveries.select(tx, states=[DeliveryState.APPLIED])}
    return wanted(look(site, channel, believed, only, ours={*site.settings.sources, *spoke}))
