"""The end of what was kept long enough: shown, and on command or at night destroyed.

Takes an open site with its periods. Shows without changing anything; destroys under the site's lock, so never beside a
run. What is needed still is neither shown nor destroyed (`pipeline.retention`).
"""

from gateway.acts import runs
from gateway.acts.rights import acting
from gateway.acts.runs import Patience
from gateway.logs import log
from gateway.pipeline import retention
from gateway.pipeline.retention import Ended
from gateway.site import Site
from gateway.store.ledger import now, record_act
from gateway.words import _


def due(site: Site, *, actor: str) -> list[Ended]:
    """Deliveries whose originals or rows are past their time, and needed by nobody."""
    with acting(site, actor, "retention") as may, site.ledger.begin() as tx:
        may(tx)
    return retention.ended(site, now())


def destroy(site: Site, *, actor: str, patience: Patience = runs.A_MOMENT) -> str:
    """Destroys them for good: the certificate's name, "" where nothing is due. Raises NotAllowed, TryLater where a run
    outlasts the patience."""

    def go() -> str:
        with site.lock():
            some = retention.ended(site, now())
            if some:
                with site.ledger.begin() as tx:
                    may(tx)
                    record_act(tx, actor=actor, act="retention.destroy", deliveries=[one.delivery for one in some])
            return retention.destroy(site, some)

    with acting(site, actor, "retention.destroy") as may:
        with site.ledger.begin() as tx:
            may(tx)
        certificate = runs.patiently(go, patience)
    if certificate:
        log(_("到期的原件已销毁"), action="retention.destroyed", certificate=certificate)
    return certificate
