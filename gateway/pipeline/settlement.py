"""Reconcile and settle for the whole site: from all applied deliveries to the outbox, in one commit.

What stands is what would be derived anew from all that was said, the roster in force and what people decided. Where
nothing but deliveries came since the last settlement, only these are looked at, and only the people whom they change:
it goes on from the instances' checkpoints. A dry settlement, and one after another roster, another decision about whom
a row means, or other rules, derives everything anew.
"""

from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from gateway.errors import SealBroken
from gateway.model.deliveries import DeliveryState
from gateway.model.frames import RECOGNITIONS, empty
from gateway.model.holds import WHOLE, Breach, Place
from gateway.pipeline import checkpoint, roster, thinned
from gateway.pipeline.checkpoint import Checkpoint, upon
from gateway.pipeline.folding import Folded, fold_instance
from gateway.pipeline.limits import APPROVAL, keep_limits, weighed
from gateway.pipeline.payments import settle_payments
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import Standing
from gateway.pipeline.states import States, keep_delivery, states_of
from gateway.pipeline.takebacks import told_apart
from gateway.pipeline.wanted import Seen, look, wanted
from gateway.pipeline.work import DOUBTS, Work, in_doubt, in_force, mapping_of, resolve_all, subjects, turn
from gateway.reconcile import KNOWN
from gateway.settle import in_order
from gateway.site import Site
from gateway.store import (
    Tx,
    checkpoints,
    decisions,
    deliveries,
    outbox,
    people,
    rosters,
    runs,
    takebacks,
    verdicts,
    withdrawals,
)
from gateway.store.decisions import HoldRow
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
    #: What is to be held.
    breaches: list[Breach]
    #: What decides what is wanted.
    seen: Seen | None

    @cached_property
    def wanted(self) -> tuple[pl.DataFrame, Standing]:
        """`LISTS` to queue, and what was newly seen on the platform. Worked out when it is first asked for."""
        return wanted(self.seen)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What a settlement finds."""

    rows: list[DeliveryRow]
    #: Every hold that is, and what people said of it.
    holds: Mapping[Place, HoldRow]
    decided: Mapping[Place, str]
    released: pl.DataFrame
    #: Person keys of those who may have left by a decision that was taken back.
    taken_back: pl.Series
    #: What the whole site works with.
    terms: Mapping[str, Any]
    #: Instance → where its last fold ended.
    tips: Mapping[str, Checkpoint]
    #: `KNOWN` of what those instances said before of which something is new; without tips, of lists whose rows ended.
    known: pl.DataFrame
    #: Person keys whose last change had not landed, now or when the last settlement was written down.
    again: pl.Series


def settle_site(site: Site, channel: PlatformChannel, run: int, actor: str) -> Settled:
    """Settles and commits. Raises TryLater when the read-back is needed and the platform is away."""
    with roster.held():
        settle_payments(site)
        return _settle_lists(site, channel, run, actor)


def settle_dry(
    site: Site, channel: PlatformChannel, *, released: Place | None = None, extra: DeliveryRow | None = None
) -> Settled:
    """What settling would come to, as if everybody had `released` this hold whatever its set, or this `extra` list had
    come. Writes nothing."""
    with roster.held():
        scene = _look(site, from_checkpoints=False)
        if extra is not None and mapping_of(site, extra).statements:
            scene = replace(scene, rows=[*scene.rows, extra])
        if released is not None:
            holds = {place: hold for place, hold in scene.holds.items() if place != released}
            scene = replace(scene, holds=holds, decided={**scene.decided, released: "released"})
        return _settle(site, channel, scene)


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
    work, states = _looked_at(site, scene)
    applied = [row for row in scene.rows if states.applied(row.id)]
    folds = {name: _fold(site, name, scene, work, applied) for name in sorted({row.instance for row in applied})}
    only = _touched(scene, folds)
    recognitions = _recognitions(folds, only)
    return Settled(
        rows=scene.rows,
        work=work,
        states=states,
        folds=folds,
        people=only,
        recognitions=recognitions,
        breaches=weighed(
            site, scene.rows, [*(breach for folded in folds.values() for breach in folded.breaches), *states.holds]
        ),
        seen=look(site, channel, recognitions, only, ours={*site.settings.sources, *folds}),
    )


def _look(site: Site, *, from_checkpoints: bool) -> _Scene:
    with site.ledger.begin() as tx:
        rows = [row for row in deliveries.select(tx, states=USABLE) if mapping_of(site, row).statements]
        saved = checkpoints.read(tx) if from_checkpoints else {}
        version, serial = rosters.newest(tx), verdicts.serial(tx)
        holds, decided, released = decisions.holds(tx), decisions.decided(tx), people.released(tx)
        taken_back = verdicts.taken_back(tx)
        # Whose undo was decided, while a run went on or just before a crash, has not been looked at.
        under_way = pl.concat([outbox.under_way(tx), withdrawals.waiting(tx)])
    terms = checkpoint.site_terms(site, roster=version.digest if version else "", verdicts=serial)
    before = saved.pop(checkpoint.SITE, {})
    applied = {row.instance for row in rows if row.state == DeliveryState.APPLIED}
    goes_on = before.get("terms") == terms and applied <= saved.keys()
    tips = {instance: Checkpoint(**point) for instance, point in saved.items()} if goes_on else {}
    new = sorted({row.instance for row in rows if row.state != DeliveryState.APPLIED} & tips.keys())
    said = [tips[name].known(site) for name in new] if tips else [thinned.known(site, r) for r in rows if r.ended]
    return _Scene(
        rows=rows,
        holds={hold.place: hold for hold in holds},
        decided=decided,
        released=released,
        taken_back=taken_back,
        terms=terms,
        tips=tips,
        known=pl.concat([_NOTHING_KNOWN, *said]).unique(),
        again=pl.concat([under_way, pl.Series("person_key", before.get("flying", []), pl.Int64)]).unique(),
    )


def _looked_at(site: Site, scene: _Scene) -> tuple[list[Work], States]:
    """What has to be looked at, and what becomes of each list.

    A list that is not in use tells nothing of whom other rows mean: perhaps it is the wrong one altogether. Which those
    are shows once they have been looked at; so it is done again without them.
    """
    held = {row.id for row in scene.rows if row.state == DeliveryState.HELD}
    apart = {number for number in held if scene.decided.get(Place(number, WHOLE)) != "released"}
    work = _resolved(site, scene, apart)
    states = states_of(site, scene.rows, {w.row.id: w for w in work}, scene.decided, scene.holds, scene.tips)
    more = {w.row.id for w in work if not states.applied(w.row.id)} - apart
    if more and len(work) > len(apart) + 1:
        work = _resolved(site, scene, apart | more)
        states = states_of(site, scene.rows, {w.row.id: w for w in work}, scene.decided, scene.holds, scene.tips)
    return work, states


def _resolved(site: Site, scene: _Scene, apart: Set[int]) -> list[Work]:
    """New deliveries, and those applied whose rows may come to something else now. Those `apart` are linked each by
    itself, with what is known from the others."""
    if scene.rows:
        roster.needed(site)
    of_use = [row for row in scene.rows if not row.ended and (not scene.tips or row.state != DeliveryState.APPLIED)]
    work = resolve_all(site, [row for row in of_use if row.id not in apart], scene.known)
    known = pl.concat([scene.known, *(one.known for one in work)])
    alone = (resolve_all(site, [row], known) for row in of_use if row.id in apart)
    return [*work, *(one for each in alone for one in each)]


def _tells_of_others(site: Site, scene: _Scene, settled: Settled) -> bool:
    """Whether a source's number that is sure now may settle a row of an earlier delivery that was in doubt, or makes
    one uncertain that it had settled."""
    new = [w.known for w in settled.work if settled.states.applied(w.row.id)]
    if not new or not scene.tips:
        return False
    keys = ["instance", "raw_source_id"]
    before, fresh = scene.known, pl.concat(new).unique().join(scene.known, on=KNOWN.names(), how="anti")
    doubtful = pl.concat([_NO_DOUBTS, *(tip.doubts(site) for tip in scene.tips.values())])
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
        approved={place: hold.digest for place, hold in scene.holds.items() if hold.state == "released"},
        released=scene.released,
        taken_back=scene.taken_back,
    )


def _touched(scene: _Scene, folds: Mapping[str, Folded]) -> pl.Series | None:
    """Whose list may be another one, or has not landed. None = anybody's."""
    if any(folded.tip is None for folded in folds.values()) or scene.again.len() > MOST_AGAIN:
        return None
    return pl.concat([scene.again, *(folded.touched for folded in folds.values())]).unique()


_NO_DOUBTS = pl.DataFrame(schema=DOUBTS)
_NOTHING_KNOWN = pl.DataFrame(schema=KNOWN)


def _recognitions(folds: Mapping[str, Folded], only: pl.Series | None) -> pl.DataFrame:
    """All recognitions of these people."""
    parts = []
    for name, folded in folds.items() if only is None or only.len() else ():
        frame = folded.recognitions()
        if only is not None:
            frame = frame.join(only.to_frame(), on="person_key", how="semi")
        parts.append(frame.with_columns(instance=pl.lit(name)).select(RECOGNITIONS.names()))
    return pl.concat([empty(RECOGNITIONS), *parts])


def _commit(site: Site, scene: _Scene, settled: Settled, run: int, actor: str) -> None:
    doubts = _doubts(site, scene, settled)
    applied = [row for row in settled.rows if settled.states.applied(row.id)]
    forces = in_force(applied, in_doubt(_said(scene, settled)))
    judged = [number for folded in settled.folds.values() for number in folded.judged]
    taken = told_apart(site, [w.taken_back for w in settled.work])
    # The ledger is one thread's work; the other core meanwhile finds what its next rows say, and seals what its last
    # ones name.
    with ThreadPoolExecutor(1) as pool, site.ledger.begin(turn=True) as tx:
        finding = pool.submit(lambda: settled.wanted)
        sealing = pool.submit(_sealed, site, scene, settled, doubts, forces)
        people.replace_recognitions(tx, settled.recognitions, run, people=settled.people)
        takebacks.keep(tx, taken, run)
        departures = [folded.fold.departures for folded in settled.folds.values() if folded.fold]
        if departures:
            people.replace_departures(tx, pl.concat(departures), deliveries=judged)
        judged_here = {*judged, *(w.row.id for w in settled.work)}
        approving = runs.kind(tx, run) == APPROVAL
        decisions.keep_holds(tx, settled.breaches, actor, judged=judged_here, approving=approving)
        keep_limits(site, tx, actor)
        decisions.keep_cases(tx, subjects(pl.concat([_NO_DOUBTS, *doubts.values()]), forces), "row:")
        queue, standing = finding.result()
        people.adopt(tx, standing.adopted)
        people.confirm_readback(tx, standing.confirmed)
        withdrawals.end(tx, standing.lapsed)
        withdrawals.queued(tx)
        outbox.replace_queue(tx, queue, run, people=settled.people)
        files, points = sealing.result()
        _keep_work(tx, settled, files, forces)
        if not scene.tips:
            checkpoints.clear(tx)
        # Whose list waits behind one in flight is looked at again, once that has landed.
        flying = outbox.under_way(tx, state="sending").to_list()
        checkpoints.write(tx, {**points, checkpoint.SITE: {"terms": scene.terms, "flying": flying}})


def _sealed(
    site: Site, scene: _Scene, settled: Settled, doubts: Mapping[str, pl.DataFrame], forces: Mapping[int, set[str]]
) -> tuple[dict[int, str], dict[str, Mapping[str, Any]]]:
    """The files of the resolutions of applied deliveries, and the checkpoints."""
    files = {w.row.id: w.resolutions_file(site) for w in settled.work if settled.states.applied(w.row.id)}
    return files, _checkpoints(site, scene, settled, doubts, forces)


def _keep_work(tx: Tx, settled: Settled, files: Mapping[int, str], forces: Mapping[int, set[str]]) -> None:
    """What became of the deliveries that were looked at, and what was found in those that were folded."""
    for w in settled.work:
        keep_delivery(tx, w, settled.states, files.get(w.row.id), current=bool(forces.get(w.row.id)))
    for folded in settled.folds.values():
        if folded.fold:
            for delivery, count in folded.fold.unknown_stops.group_by("delivery").len().iter_rows():
                deliveries.set_finding(tx, delivery, "unknown_stop", count)


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


def _said(scene: _Scene, settled: Settled) -> dict[Place, str]:
    """What is said of every hold. A release of another set than now leaves was none."""
    return {**scene.decided, **dict.fromkeys((breach.place for breach in settled.breaches), "held")}


def _checkpoints(
    site: Site, scene: _Scene, settled: Settled, doubts: Mapping[str, pl.DataFrame], forces: Mapping[int, set[str]]
) -> dict[str, Mapping[str, Any]]:
    """What the next settlement may go on from."""
    points: dict[str, Mapping[str, Any]] = {}
    said = _said(scene, settled)
    looked_at = {w.row.instance for w in settled.work}
    for name, folded in settled.folds.items():
        if folded.fold or name in looked_at:
            standing = site.write_frame(_standing(doubts[name], forces))
            files = {"doubts": [standing], "known": _known(site, scene, settled, name)}
            points[name] = folded.checkpoint(site, said, files)
    return points


def _known(site: Site, scene: _Scene, settled: Settled, instance: str) -> list[str]:
    """The files of `KNOWN` of an instance's applied deliveries."""
    now = [w.known for w in settled.work if w.row.instance == instance and settled.states.applied(w.row.id)]
    before = scene.known.filter(pl.col("instance") == instance)
    new = pl.concat([_NOTHING_KNOWN, *now]).unique().join(before, on=KNOWN.names(), how="anti")
    tip = scene.tips.get(instance)
    return upon(site, tip.files["known"] if tip else (), new, lambda: pl.concat([before, new]))


def _standing(doubts: pl.DataFrame, forces: Mapping[int, set[str]]) -> pl.DataFrame:
    """Doubts of deliveries in force, and those that a source's number may still settle."""
    standing = [number for number, scopes in forces.items() if scopes]
    return doubts.filter(pl.col("delivery_id").is_in(standing) | pl.col("raw_source_id").is_not_null())
