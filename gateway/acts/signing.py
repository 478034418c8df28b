"""The site's own SM2 key gives place to another: both are valid for a while, and the old one's end.

Takes an open site and who acts. The next key is there from the moment at which it is asked for, so that the platform
can register it; from its day on it signs. Nothing is sealed to a key of the gateway's: what it signed under the old one
is verified by the public half, which the ring keeps for ever. Refuses with `NotAllowed`, and `KeyFault` where the keys
are in a credential or a device that has no next one.
"""

from datetime import date

from gateway.acts import runs
from gateway.acts.rights import May, acting
from gateway.errors import NotAllowed
from gateway.logs import log
from gateway.pipeline.certificates import certify
from gateway.site import Site
from gateway.store.ledger import record_act
from gateway.vault.keys import drop_signing_key, new_signing_key
from gateway.vault.ring import SigningEntry, key_id_of
from gateway.words import _


def rotate_signing(site: Site, first: date, *, actor: str) -> SigningEntry:
    """The next key, which signs from that day (in China) on. Raises NotAllowed where one waits for its day already."""
    with acting(site, actor, "keys.rotate.signing") as may:
        waiting = [one for one in site.keyring.ring.file.signing if one.first and one.first > runs.today()]
        with site.ledger.begin() as tx:
            may(tx)
        if waiting or first < runs.today():
            what = _("已有一把待启用的签名密钥,或启用日期已过")
            raise NotAllowed(what, next_step=_("可用 gateway keys list 查看;请用 --from 指定今天或以后的日期"))
        index = site.keyring.ring.file.signing[-1].index + 1
        provider = new_signing_key(site.settings.root / "keys", site.settings.keys, index)
        key_id = key_id_of(provider.public_key(index).hex)
        with site.ledger.begin() as tx:
            may(tx)
            record_act(tx, actor=actor, act="keys.rotate.signing", key=key_id, first=first.isoformat())
        entry = site.keyring.ring.add_signing(provider, first)  # a crash before it leaves a record too many
    log(_("新的签名密钥已生成"), action="keys.signing", key=entry.key_id, first=first.isoformat())
    return entry


def destroy_signing(site: Site, entry: SigningEntry, *, actor: str, note: str, may: May) -> str:
    """Destroys the private half of a key that another has taken the place of: the certificate's name."""
    if entry.public_key == site.keyring.signing_key.public.hex or (entry.first and entry.first > runs.today()):
        step = _("请先用 gateway keys rotate --signing --from 日期 换用新密钥,并等新密钥启用")
        raise NotAllowed(_("{key_id} 是正在使用的密钥,不能销毁").format(key_id=entry.key_id), next_step=step)
    told = {"key": entry.key_id, "public_key": entry.public_key}
    with site.ledger.begin() as tx:
        may(tx)
        record_act(tx, actor=actor, act="keys.destroy", note=note, key=entry.key_id)
    site.keyring.ring.end_signing(entry.key_id)
    drop_signing_key(site.settings.root / "keys", site.settings.keys, entry.index)
    name = certify(site, "signing", **told)
    log(_("旧的签名密钥已销毁"), action="keys.destroyed", key=entry.key_id, certificate=name)
    return name
