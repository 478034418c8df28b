"""Reconcile and settle for the whole site: from all applied deliveries to the outbox, in one commit.

What stands is what would be derived anew from all that was said, the roster in force and what people decided. Where
nothing but deliveries came since the last settlement, only these are looked at, and only the people whom they change:
it goes on from the instances' checkpoints. A dry settlement, and one after another roster, another decision about whom
a row means, or other rules, derives everything anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from gateway.errors import SealBroken
from gateway.model.deliveries import DeliveryState
from gateway.model.frames import RECOGNITIONS, empty
from gateway.pipeline import checkpoint, roster
from gateway.pipeline.checkpoint import Checkpoint
from gateway.pipeline.folding import Folded, fold_instance
from gateway.pipeline.payments import settle_payments
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import Standing
from gateway.pipeline.states import States, keep_delivery, states_of
from gateway.pipeline.takebacks import told_apart
from gateway.pipeline.wanted import wanted
from gateway.pipeline.work import DOUBTS, Work, in_force, mapping_of, resolve_all, subjects, turn
from gateway.reconcile import KNOWN
from gateway.settle import in_order
from gateway.site import Site
from gateway.store import checkpoints, decisions, deliveries, outbox, people, rosters, takebacks, verdicts
from gateway.store.deliveries import DeliveryRow

#: People with changes under way beyond whom everybody is looked at: it takes no longer.
MOST_AGAIN = 200_000
USABLE = (DeliveryState.LANDED, DeliveryState.WAITING, DeliveryState.HELD, DeliveryState.APPLIED)


@dataclass(kw_only=True)
class Settled:
    """What settling came to; written in one commit."""

    #: All usable lists, and of them those that were looked at.
    rows: Sequence[DeliveryRow]
    work: Sequence[Work]
    states: States
    folds: Mapping[str, Folded]
    #: Person keys of those whom this settlement may change; None = everybody.
    people: pl.Series | None
    #: All recognitions of these people.
    recognitions: pl.DataFrame
    #: Holds: (delivery, scope, leaving, holding).
    breaches: list[tuple[int, str, int, int]]
    #: `LISTS` to queue.
    wanted: pl.DataFrame
    standing: Standing


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What a settlement finds."""

    rows: list[DeliveryRow]
    decided: Mapping[tuple[int, str], str]
    released: pl.DataFrame
    #: What the whole site works with.
    terms: Mapping[str, Any]
    #: Instance → where its last fold ended.
    tips: Mapping[str, Checkpoint]
    #: Person keys whose last change had not landed, now or when the last settlement was written down.
    again: pl.Series


def settle_site(
    site: Site, channel: PlatformChannel, run: int, today: date, actor: str, *, dry: bool = False
) -> Settled:
    """Settles and, unless `dry`, commits. Raises TryLater when the read-back is needed and the platform is away."""
    with roster.held():
        if dry:
            return _settle(site, channel, _look(site, from_checkpoints=False))
        settle_payments(site)
        return _settle_lists(site, channel, run, actor)


def _settle_lists(site: Site, channel: PlatformChannel, run: int, actor: str) -> Settled:
    try:
        scene = _look(site, from_checkpoints=True)
        settled = _settle(site, channel, scene)
        if _tells_of_others(site, scene, settled):
            scene = _look(site, from_checkpoints=False)
            settled = _settle(site, channel, scene)
    except SealBroken:  # a checkpoint that does not open is none; a delivery that does not open says so again
        scene = _look(site, from_checkpoints=False)
        settled = _settle(site, channel, scene)
    _commit(site, scene, settled, run, actor)
    return settled


def _settle(site: Site, channel: PlatformChannel, scene: _Scene) -> Settled:
    work = _resolved(site, scene)
    states = states_of(scene.rows, {w.row.id: w for w in work}, scene.decided)
    applied = [row for row in scene.rows if states.applied(row.id)]
    folds = {name: _fold(site, name, scene, work, applied) for name in sorted({row.instance for row in applied})}
    only = _touched(site, scene, folds)
    recognitions = _recognitions(site, folds, only)
    queue, standing = wanted(site, channel, recognitions, only, ours={*site.settings.sources, *folds})
    return Settled(
        rows=scene.rows,
        work=work,
        states=states,
        folds=folds,
        people=only,
        recognitions=recognitions,
        breaches=[breach for folded in folds.values() for breach in folded.breaches] + states.holds,
        wanted=queue,
        standing=standing,
    )


def _look(site: Site, *, from_checkpoints: bool) -> _Scene:
    with site.ledger.begin() as tx:
        rows = [row for row in deliveries.select(tx, states=USABLE) if mapping_of(site, row).statements]
        saved = checkpoints.read(tx) if from_checkpoints else {}
        version, serial = rosters.newest(tx), verdicts.serial(tx)
        decided, released = decisions.decided(tx), people.released(tx)
        under_way = outbox.under_way(tx)
    terms = checkpoint.site_terms(site, roster=version.digest if version else "", verdicts=serial)
    before = saved.pop(checkpoint.SITE, {})
    applied = {row.instance for row in rows if row.state == DeliveryState.APPLIED}
    goes_on = before.get("terms") == terms and applied <= saved.keys()
    return _Scene(
        rows=rows,
        decided=decided,
        released=released,
        terms=terms,
        tips={instance: Checkpoint(**point) for instance, point in saved.items()} if goes_on else {},
        again=pl.concat([under_way, pl.Series("person_key", before.get("flying", []), pl.Int64)]).unique(),
    )


def _resolved(site: Site, scene: _Scene) -> list[Work]:
    """What has to be looked at: new deliveries, and those applied whose rows may come to something else now."""
    fresh = [row for row in scene.rows if row.state != DeliveryState.APPLIED]
    old = [row for row in scene.rows if row.state == DeliveryState.APPLIED]
    if scene.rows:
        roster.needed(site)
    if not scene.tips:
        return resolve_all(site, [*old, *fresh], pl.DataFrame(schema=KNOWN))
    return resolve_all(site, fresh, _known(site, scene))


def _known(site: Site, scene: _Scene) -> pl.DataFrame:
    """`KNOWN` of what the instances said before."""
    parts = [tip.known(site) for tip in scene.tips.values()]
    return pl.concat([pl.DataFrame(schema=KNOWN), *parts]).unique()


def _tells_of_others(site: Site, scene: _Scene, settled: Settled) -> bool:
    """Whether a source's number that is sure now may settle a row of an earlier delivery that was in doubt, or makes
    one uncertain that it had settled."""
    new = [w.known for w in settled.work if settled.states.applied(w.row.id)]
    if not new or not scene.tips:
        return False
    keys = ["instance", "raw_source_id"]
    before, sure = _known(site, scene), pl.concat(new).unique()
    doubtful = pl.concat([tip.doubts(site) for tip in scene.tips.values()])
    fresh = sure.join(before, on=KNOWN.names(), how="anti")
    return doubtful.join(fresh, on=keys, how="semi").height + before.join(fresh, on=keys, how="semi").height > 0


def _fold(site: Site, instance: str, scene: _Scene, work: Sequence[Work], applied: Sequence[DeliveryRow]) -> Folded:
    rows = {row.id: row for row in applied if row.instance == instance}
    return fold_instance(
        site,
        in_order([turn(row) for row in rows.values()]),
        rows,
        {w.row.id: w for w in work if w.row.id in rows},
        scene.tips.get(instance),
        decided=scene.decided,
        released=scene.released,
    )


def _touched(site: Site, scene: _Scene, folds: Mapping[str, Folded]) -> pl.Series | None:
    """Whose list may be another one, or has not landed. None = anybody's."""
    if any(folded.tip is None for folded in folds.values()) or scene.again.len() > MOST_AGAIN:
        return None
    return pl.concat([scene.again, *(folded.touched(site) for folded in folds.values())]).unique()


_NO_DOUBTS = pl.DataFrame(schema=DOUBTS)


def _recognitions(site: Site, folds: Mapping[str, Folded], only: pl.Series | None) -> pl.DataFrame:
    """All recognitions of these people."""
    parts = []
    for name, folded in folds.items() if only is None or only.len() else ():
        frame = folded.recognitions(site)
        if only is not None:
            frame = frame.join(only.to_frame(), on="person_key", how="semi")
        parts.append(frame.with_columns(instance=pl.lit(name)).select(RECOGNITIONS.names()))
    return pl.concat([empty(RECOGNITIONS), *parts])


def _commit(site: Site, scene: _Scene, settled: Settled, run: int, actor: str) -> None:
    files = {w.row.id: w.resolutions_file(site) for w in settled.work if settled.states.applied(w.row.id)}
    doubts = _doubts(site, scene, settled)
    forces = in_force([row for row in settled.rows if settled.states.applied(row.id)])
    points = _checkpoints(site, scene, settled, doubts, forces)
    judged = [number for folded in settled.folds.values() for number in folded.judged]
    taken = told_apart(site, [w.taken_back for w in settled.work])
    with site.ledger.begin() as tx:
        for w in settled.work:
            keep_delivery(tx, w, settled.states, files.get(w.row.id))
        for folded in settled.folds.values():
            if folded.fold:
                for delivery, count in folded.fold.unknown_stops.group_by("delivery").len().iter_rows():
                    deliveries.set_finding(tx, delivery, "unknown_stop", count)
        people.replace_recognitions(tx, settled.recognitions, run, people=settled.people)
        takebacks.keep(tx, taken, run)
        departures = [folded.fold.departures for folded in settled.folds.values() if folded.fold]
        if departures:
            people.replace_departures(tx, pl.concat(departures), deliveries=judged)
        decisions.keep_holds(tx, settled.breaches, actor, judged={*judged, *(w.row.id for w in settled.work)})
        decisions.keep_cases(tx, subjects(pl.concat([_NO_DOUBTS, *doubts.values()]), forces), "row:")
        people.adopt(tx, settled.standing.adopted)
        people.confirm_readback(tx, settled.standing.confirmed)
        outbox.replace_queue(tx, settled.wanted, run, people=settled.people)
        if not scene.tips:
            checkpoints.clear(tx)
        # Whose list waits behind one in flight is looked at again, once that has landed.
        flying = outbox.under_way(tx, state="sending").to_list()
        checkpoints.write(tx, {**points, checkpoint.SITE: {"terms": scene.terms, "flying": flying}})


def _doubts(site: Site, scene: _Scene, settled: Settled) -> dict[str, pl.DataFrame]:
    """Instance → `DOUBTS` of its applied deliveries: of those looked at now, and of the others as they were."""
    looked_at = [w.row.id for w in settled.work]
    doubts = {}
    for name in settled.folds:
        tip = scene.tips.get(name)
        before = [tip.doubts(site).filter(~pl.col("delivery_id").is_in(looked_at))] if tip else []
        now = [w.doubts for w in settled.work if w.row.instance == name and settled.states.applied(w.row.id)]
        doubts[name] = pl.concat([_NO_DOUBTS, *before, *now])
    return doubts


def _checkpoints(
    site: Site, scene: _Scene, settled: Settled, doubts: Mapping[str, pl.DataFrame], forces: Mapping[int, set[str]]
) -> dict[str, Mapping[str, Any]]:
    """What the next settlement may go on from."""
    points: dict[str, Mapping[str, Any]] = {}
    looked_at = {w.row.instance for w in settled.work}
    for name, folded in settled.folds.items():
        if folded.fold or name in looked_at:
            tip = scene.tips.get(name)
            known = [w.known for w in settled.work if w.row.instance == name and settled.states.applied(w.row.id)]
            known = [pl.DataFrame(schema=KNOWN), *([tip.known(site)] if tip else []), *known]
            standing = _standing(doubts[name], forces)
            points[name] = folded.checkpoint(site, scene.decided, standing, pl.concat(known).unique())
    return points


def _standing(doubts: pl.DataFrame, forces: Mapping[int, set[str]]) -> pl.DataFrame:
    """Doubts of deliveries in force, and those that a source's number may still settle."""
    standing = [number for number, scopes in forces.items() if scopes]
    return doubts.filter(pl.col("delivery_id").is_in(standing) | pl.col("raw_source_id").is_not_null())
