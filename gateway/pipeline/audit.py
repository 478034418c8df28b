"""The audit chain is signed, and its newest checkpoint leaves the house: at the end of each run, and of each command
that did something.

Takes a site. What goes wrong here stops nothing: it is kept in the ledger, and told until it is mended.
"""

from contextlib import suppress

from gateway.audit import Checkpoint, fingerprint
from gateway.errors import GatewayError, StoreFault
from gateway.logs import log
from gateway.pipeline import anchors
from gateway.site import Site
from gateway.store import audit
from gateway.store.audit import Anchored
from gateway.store.ledger import GATEWAY, now, record_act
from gateway.words import _

#: The act of a replaced signing key.
KEY_CHANGED = "audit.key"


def seal(site: Site) -> None:
    """Signs what came since the last checkpoint, and sends the newest to where it has not been."""
    try:
        key = site.keyring.signing_key
        _note_key(site, key.public.hex)
        with site.ledger.begin() as tx:
            audit.sign(tx, key.public.hex, key.sign)
        with site.ledger.begin() as tx:
            newest, known = audit.newest_checkpoint(tx), {one.place: one for one in audit.anchored(tx)}
    except GatewayError as fault:
        log(_("审计链没有签名:{fault}").format(fault=fault), action="audit.unsigned")
        return
    for place in anchors.places(site.settings.audit) if newest else ():
        before = known.get(place, Anchored(place=place, number=0, at=now(), fault=""))
        if newest and before.number < newest[0]:
            _anchor(site, before, *newest)


def _note_key(site: Site, key: str) -> None:
    """That another key signs from now on is an entry of its own, which the new key is the first to sign."""
    with site.ledger.begin() as tx:
        newest = audit.newest_checkpoint(tx)
        before = Checkpoint.of_line(newest[1].encode()) if newest else None
        if before and before.key != key:
            record_act(tx, actor=GATEWAY, act=KEY_CHANGED, key=fingerprint(key), before=fingerprint(before.key))


def _anchor(site: Site, before: Anchored, number: int, line: str) -> None:
    fault = anchors.send(before.place, line)[:200]
    if fault:
        log(_("检查点未能送出({place}):{fault}").format(place=before.place, fault=fault), action="audit.not_anchored")
    since = before.at if fault and before.fault else now()
    sent = before.number if fault else number
    # Where two processes do this at once, either's word will do.
    with suppress(StoreFault), site.ledger.begin() as tx:
        audit.keep_anchored(tx, Anchored(place=before.place, number=sent, at=since, fault=fault))
