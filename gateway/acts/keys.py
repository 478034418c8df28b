"""A site's keys in the course of time: a new epoch, everything sealed passing to it, the end of an old one.

Takes an open site and who acts. Beginning an epoch and passing on refuse nobody and stop nothing: the old key goes on
opening. An old key is destroyed only on command, under the site's lock, and only once every sealed file and value was
opened without it; then nothing brings it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.acts import runs
from gateway.acts.notes import checked_note
from gateway.acts.rights import May, acting
from gateway.acts.runs import Patience
from gateway.acts.signing import destroy_signing
from gateway.errors import NotAllowed, NotFound, TryLater
from gateway.logs import log
from gateway.pipeline import epochs
from gateway.pipeline.certificates import certify
from gateway.pipeline.epochs import Passed, Tell
from gateway.pipeline.reindex import Reindexed, proved, reindex
from gateway.pipeline.sweep import GRACE, sweep
from gateway.site import Site
from gateway.store import indexkeys
from gateway.store.ledger import now as ledger_now
from gateway.store.ledger import record_act
from gateway.vault import KeyInfo, KeyKind, sm2
from gateway.vault.keys import new_passphrase
from gateway.words import _

#: How long an epoch must have had a successor before its key may go: what somebody is sealing may commit until then.
SETTLING = timedelta(seconds=GRACE)


@dataclass(frozen=True, kw_only=True)
class EpochView:
    """One epoch, and what still needs its key."""

    key: KeyInfo
    newest: bool
    files: int
    values: int


@dataclass(frozen=True, kw_only=True)
class KeyStatus:
    """The site's keys, and what they open."""

    #: file | credential
    provider: str
    #: What computes SM2.
    sm2: str
    epochs: tuple[EpochView, ...]
    #: Of the blind index, oldest first; the one in force, and since when it is (UTC), None = since the ledger is there.
    index: tuple[KeyInfo, ...]
    index_in_force: str
    index_since: datetime | None
    signing: tuple[KeyInfo, ...]
    #: Names of what no key of the site opens.
    broken: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """A new epoch, and how far everything has passed to it."""

    key_id: str
    passed: Passed


def status(site: Site, *, actor: str) -> KeyStatus:
    """Which keys there are, and how much each of them is needed for. Opens every header and every value."""
    with acting(site, actor, "keys.status") as may, site.ledger.begin() as tx:
        may(tx)
        in_force, since = indexkeys.in_force(tx)
    infos, used = site.keyring.ids(), epochs.usage(site)
    kept = [one for one in infos if one.kind is KeyKind.EPOCH]
    return KeyStatus(
        provider=site.keyring.provider.kind,
        sm2=sm2.adapter(),
        epochs=tuple(_epoch(one, used, newest=one is kept[-1]) for one in kept),
        index=tuple(one for one in infos if one.kind is KeyKind.INDEX),
        index_in_force=in_force,
        index_since=since,
        signing=tuple(one for one in infos if one.kind is KeyKind.GATEWAY),
        broken=used.broken,
    )


def _epoch(key: KeyInfo, used: epochs.Usage, *, newest: bool) -> EpochView:
    files, values = used.files.get(key.key_id, 0), used.values.get(key.key_id, 0)
    return EpochView(key=key, newest=newest, files=files, values=values)


def rotate(site: Site, *, actor: str, tell: Tell = lambda _files: None) -> Rotated:
    """Begins a new epoch, and passes to it all that nobody is working on. What is left, the daemon passes on."""
    with acting(site, actor, "keys.rotate") as may, site.ledger.begin() as tx:
        may(tx)
        begun = site.keyring.ring.begin_epoch()
        record_act(tx, actor=actor, act="keys.rotate", key=begun.key_id)
    log(_("新的封存密钥已启用"), action="keys.rotated", key=begun.key_id)
    return Rotated(key_id=begun.key_id, passed=pass_on(site, tell))


def rotate_index(
    site: Site, *, actor: str, tell: Tell = lambda _files: None, patience: Patience = runs.A_MOMENT
) -> Reindexed:
    """Passes all keyed digests to a new key of the blind index; after a try that was cut short, to the one of then.

    Raises TryLater where another run outlasts the patience. Whoever has the site open meanwhile must open it again.
    """

    def go() -> Reindexed:
        with site.lock():
            begun = site.keyring.ring.begin_index(site.keyring.index.key_id)
            return reindex(site, begun.key_id, tell=tell, allowed=may, actor=actor)

    with acting(site, actor, "keys.rotate.index") as may:
        with site.ledger.begin() as tx:
            may(tx)
        done = runs.patiently(go, patience)
    counts = {"people": done.people, "numberless": done.numberless, "files": done.files}
    log(_("新的索引密钥已启用"), action="keys.reindexed", key=done.key_id, **counts)
    return done


def pass_on(site: Site, tell: Tell = lambda _files: None) -> Passed:
    """Passes to the newest epoch what has not passed yet. Nothing to do where there is only one."""
    if len(site.keyring.ring.file.epochs) == 1:
        return Passed()
    passed = epochs.pass_on(site, tell)
    if passed.files or passed.values:
        counts = {"files": passed.files, "values": passed.values, "left": passed.left}
        log(_("封存内容已换用新密钥"), action="keys.passed_on", broken=len(passed.broken), **counts)
    return passed


def destroy(site: Site, key_id: str, *, actor: str, note: str, patience: Patience = runs.A_MOMENT) -> str:
    """Destroys an old key of an epoch, of the blind index, or one that signed, once nothing needs it: the name of the
    certificate.

    Raises NotFound for a key that is not there, NotAllowed for the one in use or where something still needs it,
    TryLater where it was in use until an hour ago, or another run outlasts the patience. Then nothing was destroyed.
    """
    with acting(site, actor, "keys.destroy") as may:
        note = checked_note(note)
        with site.ledger.begin() as tx:
            may(tx)
        if key_id in [one.key_id for one in site.keyring.ring.file.index]:
            _check_old_index(site, key_id)
            return runs.patiently(lambda: _destroy_index(site, key_id, actor, note, may), patience)
        if signing := [one for one in site.keyring.ring.file.signing if one.key_id == key_id]:
            return destroy_signing(site, signing[0], actor=actor, note=note, may=may)
        _check_old(site, key_id)
        return runs.patiently(lambda: _destroy(site, key_id, actor, note, may), patience)


def change_passphrase(site: Site, new: str, *, actor: str) -> None:
    """Puts another passphrase on the site's keys; `new` refers to it as `[keys] passphrase` does. Raises KeyFault, and
    then nothing has changed. It is written down first: a crash leaves a record too many, and never one too few."""
    folder, settings = site.settings.root / "keys", site.settings.keys
    with acting(site, actor, "keys.passphrase") as may:
        with site.ledger.begin() as tx:
            may(tx)
        change = new_passphrase(folder, settings, new)
        with site.ledger.begin() as tx:
            may(tx)
            record_act(tx, actor=actor, act="keys.passphrase")
        change()


def _check_old(site: Site, key_id: str) -> None:
    kept = site.keyring.ring.file.epochs
    place = next((at for at, one in enumerate(kept) if one.key_id == key_id), None)
    if place is None:
        raise NotFound(_("没有封存密钥 {key_id}").format(key_id=key_id), next_step=_("可用 gateway keys list 查看"))
    if place == len(kept) - 1:
        step = _("请先用 gateway keys rotate 换用新密钥")
        raise NotAllowed(_("{key_id} 是正在使用的密钥,不能销毁").format(key_id=key_id), next_step=step)
    if kept[place + 1].created + SETTLING > datetime.now(UTC):
        what = _("换用新密钥不足一小时,可能还有内容正用旧密钥写入")
        raise TryLater(what, next_step=_("请一小时后再试"))


def _destroy(site: Site, key_id: str, actor: str, note: str, may: May) -> str:
    with site.lock():
        passed = epochs.pass_on(site, alone=True)
        used = epochs.usage(site)
        if needed := used.needs(key_id):
            what = _("还有 {n} 项封存内容只能用 {key_id} 打开,没有销毁").format(n=needed, key_id=key_id)
            raise NotAllowed(what, next_step=_("请用 gateway keys status 查看"))
        with site.ledger.begin() as tx:
            may(tx)
            opened = _counted(used.files, used.values)
            told = {"key": key_id, "opened_without": opened, "broken": len(used.broken)}
            record_act(tx, actor=actor, act="keys.destroy", note=note, **told)
        site.keyring.ring.drop_epoch(key_id)  # a crash before it leaves a record too many, and the key to be destroyed
        name = certify(site, "epoch", **told, passed={"files": passed.files, "values": passed.values})
    log(_("旧的封存密钥已销毁"), action="keys.destroyed", key=key_id, certificate=name)
    return name


def _check_old_index(site: Site, key_id: str) -> str:
    """The key in force, which it is not, nor was within the hour. One that never came into force needs no hour."""
    with site.ledger.begin() as tx:
        in_force, since = indexkeys.in_force(tx)
    if key_id == in_force:
        step = _("请先用 gateway keys rotate --index 换用新密钥")
        raise NotAllowed(_("{key_id} 是正在使用的密钥,不能销毁").format(key_id=key_id), next_step=step)
    if since is not None and since + SETTLING > ledger_now():
        what = _("换用新密钥不足一小时,可能还有内容正用旧密钥写入")
        raise TryLater(what, next_step=_("请一小时后再试"))
    return in_force


def _destroy_index(site: Site, key_id: str, actor: str, note: str, may: May) -> str:
    with site.lock():
        in_force = _check_old_index(site, key_id)
        sweep(site)
        found = proved(site)
        with site.ledger.begin() as tx:
            may(tx)
            told = {"key": key_id, "found_without": found}
            record_act(tx, actor=actor, act="keys.destroy", note=note, **told)
        site.keyring.ring.drop_index(key_id, in_force)
        name = certify(site, "index", **told)
        site.ledger.scrub()
    log(_("旧的索引密钥已销毁"), action="keys.destroyed", key=key_id, certificate=name)
    return name


def _counted(files: Mapping[str, int], values: Mapping[str, int]) -> dict[str, int]:
    return {"files": sum(files.values()), "values": sum(values.values())}
