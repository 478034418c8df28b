"""Reconcile and settle for the whole site: from all applied deliveries to the outbox, in one commit.

Everything is derived anew from what was said, the roster in force and what people decided. So a changed roster, a
late delivery or a decision needs no path of its own, and repeating it changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState, Mode
from gateway.model.frames import RECOGNITIONS, empty
from gateway.pipeline import roster
from gateway.pipeline.intake import outcome_counts
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import Standing, read_standing
from gateway.pipeline.work import Work, cases, resolve_all
from gateway.reconcile import may_name
from gateway.settings import LimitSettings
from gateway.settle import (
    Fold,
    Limits,
    Said,
    benefit_intervals,
    changes,
    fold,
    lists,
    statements,
    subsidy_intervals,
    timelines,
    unresolved,
)
from gateway.site import Site
from gateway.store import decisions, deliveries, outbox, people, rosters
from gateway.words import _

#: A list of which more rows than this share are unusable, unknown or in doubt is held as a whole.
MOSTLY = 0.5
#: … and more rows than this number, so that a list of three is not held for two.
MOSTLY_ROWS = 20


@dataclass(kw_only=True)
class Settled:
    """What settling came to; written in one commit."""

    work: Sequence[Work]
    recognitions: pl.DataFrame
    folds: Mapping[str, Fold]
    breaches: list[tuple[int, str, int, int]]
    wanted: pl.DataFrame
    standing: Standing
    states: dict[int, tuple[DeliveryState, str, str]] = field(default_factory=dict)


def settle_site(
    site: Site, channel: PlatformChannel, run: int, today: date, actor: str, *, dry: bool = False
) -> Settled:
    """Settles and, unless `dry`, commits. Raises TryLater when the read-back is needed and the platform is away."""
    work = resolve_all(site)
    with site.ledger.begin() as tx:
        decided, released = decisions.decided(tx), people.released(tx)
    states, list_holds = _states(work, decided)
    applied = [w for w in work if states[w.row.id][0] is DeliveryState.APPLIED]
    folds = {
        name: _fold(site, name, [w for w in applied if w.row.instance == name], decided, released)
        for name in _instances(applied)
    }
    recognitions = _recognitions(folds)
    wanted, standing = _wanted(site, channel, recognitions)
    breaches = [(b.delivery, b.scope, b.leaving, b.holding) for f in folds.values() for b in f.breaches]
    settled = Settled(
        work=work,
        recognitions=recognitions,
        folds=folds,
        breaches=breaches + list_holds,
        wanted=wanted,
        standing=standing,
        states=states,
    )
    if not dry:
        _commit(site, settled, run, actor)
    return settled


def _instances(work: Sequence[Work]) -> list[str]:
    return sorted({w.row.instance for w in work if w.mapping.statements})


def _states(
    work: Sequence[Work], decided: Mapping[tuple[int, str], str]
) -> tuple[dict[int, tuple[DeliveryState, str, str]], list[tuple[int, str, int, int]]]:
    """Which deliveries apply: those in sequence that are not held. And lists to hold as a whole."""
    states: dict[int, tuple[DeliveryState, str, str]] = {}
    holds: list[tuple[int, str, int, int]] = []
    applied: dict[str, set[int]] = {}
    for w in sorted(work, key=lambda w: (w.row.instance, w.row.sequence or 0, w.row.id)):
        sequence, seen = w.row.sequence, applied.setdefault(w.row.instance, set())
        # What was applied once stays so: a changed roster may put rows in doubt, but holds no list back.
        fresh = w.row.state != DeliveryState.APPLIED
        gap = w.row.mode == Mode.DELTA and sequence is not None and sequence > 1 and sequence - 1 not in seen
        bad = w.resolutions["outcome"].is_in(["invalid", "unmatched", "review"]).sum()
        mostly = bad > MOSTLY_ROWS and bad > MOSTLY * w.resolutions.height and w.mapping.statements
        if fresh and gap:
            states[w.row.id] = (DeliveryState.WAITING, "sequence_gap", _gap((sequence or 0) - 1))
        elif fresh and decided.get((w.row.id, "*")) == "cancelled":
            states[w.row.id] = (DeliveryState.REFUSED, "rejected", "")
        elif fresh and mostly and decided.get((w.row.id, "*")) != "released":
            holds.append((w.row.id, "*", int(bad), w.resolutions.height))
            states[w.row.id] = (DeliveryState.HELD, "mostly_unusable", _mostly(int(bad), w.resolutions.height))
        else:
            states[w.row.id] = (DeliveryState.APPLIED, "", "")
            if sequence is not None:
                seen.add(sequence)
    return states, holds


def _gap(missing: int) -> str:
    text = _("第 {n} 批尚未收到或未被采用,本批等待 → 请来源单位补交第 {n} 批,或提供下一份全量名单;补齐后自动处理")
    return text.format(n=missing)


def _mostly(bad: int, rows: int) -> str:
    text = _("{rows} 行中有 {bad} 行无法采用,疑似整份名单有误 → 请与来源单位核对;用 gateway holds 查看、放行或驳回")
    return text.format(rows=rows, bad=bad)


def _fold(
    site: Site,
    instance: str,
    work: Sequence[Work],
    decided: Mapping[tuple[int, str], str],
    released: pl.DataFrame,
) -> Fold:
    configured = site.settings.sources.get(instance)
    limits = configured.settings.limits if configured else LimitSettings()
    said = [
        Said(
            delivery=w.row.id,
            mode=Mode(w.row.mode or ""),
            business_date=w.row.business_date or date.min,
            sequence=w.row.sequence or 0,
            scopes=tuple(w.row.scopes),
            rows=statements(w.entries, w.resolutions),
            unresolved=unresolved(w.entries, w.resolutions),
            empty_scopes=tuple(s for s in w.row.scopes if s not in set(w.entries["scope"].unique())),
        )
        for w in work
    ]

    def named(leaving: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        columns = ["person_key", "number", "name_key", "birth", "sex"]
        known = roster.people(site, columns, leaving["person_key"])
        return may_name(leaving.join(known, on="person_key"), rows)

    months = {code.identity: code.months for code in site.policy.codes if code.months}
    return fold(
        said,
        limits=Limits(share=limits.share, number=limits.number),
        decided=decided,
        may_name=named,
        months=months,
        released=released,
    )


def _recognitions(folds: Mapping[str, Fold]) -> pl.DataFrame:
    parts = [
        f.recognitions.with_columns(instance=pl.lit(name)).select(RECOGNITIONS.names()) for name, f in folds.items()
    ]
    return pl.concat([empty(RECOGNITIONS), *parts])


def _wanted(site: Site, channel: PlatformChannel, recognitions: pl.DataFrame) -> tuple[pl.DataFrame, Standing]:
    """`LISTS` that should be queued, and what of the platform's own records was newly seen."""
    flags_from, policy = site.settings.site.flags_from, site.policy
    with site.ledger.begin() as tx:
        confirmed, adopted, version = people.confirmed(tx), people.adopted(tx), rosters.newest(tx)
        refused = outbox.refused_lists(tx, version.pulled_at) if version else confirmed.clear()
    everybody = pl.concat([recognitions["person_key"], confirmed["person_key"]]).unique()
    insured = roster.people(site, ["person_key", "psn_no", "birth", "dead"], everybody)
    alive = insured.filter(~pl.col("dead"))
    living = recognitions.join(alive, on="person_key", how="semi")
    nobody = adopted.clear()
    own = _intervals(living, nobody, alive, site)
    fresh = pl.concat(list(own.values())).select("person_key").unique().join(confirmed, on="person_key", how="anti")
    ours = {*site.settings.sources, *recognitions["instance"].unique()}
    standing = read_standing(channel, alive.join(fresh, on="person_key", how="semi"), ours)
    adopted = pl.concat([adopted, standing.adopted])
    confirmed = pl.concat([confirmed, standing.confirmed])
    uses = {
        "1": benefit_intervals(living, adopted, policy, flags_from),
        "2": subsidy_intervals(living, alive, adopted, policy, flags_from),
    }
    wanted = lists(timelines(uses))
    silent = _silent(wanted, confirmed, own, alive)
    queue = changes(wanted, confirmed.drop("origin"), silent=silent)
    return queue.join(refused, on=["person_key", "use", "records"], how="anti"), standing


def _intervals(living: pl.DataFrame, nobody: pl.DataFrame, alive: pl.DataFrame, site: Site) -> dict[str, pl.DataFrame]:
    flags_from, policy = site.settings.site.flags_from, site.policy
    return {
        "1": benefit_intervals(living, nobody, policy, flags_from),
        "2": subsidy_intervals(living, alive, nobody, policy, flags_from),
    }


def _silent(
    wanted: pl.DataFrame, confirmed: pl.DataFrame, own: Mapping[str, pl.DataFrame], alive: pl.DataFrame
) -> pl.DataFrame:
    """(person_key, use) of whom nothing is sent: not alive on the roster, or a list that only others wrote."""
    key = ["person_key", "use"]
    all_lists = pl.concat([wanted.select(key), confirmed.select(key)]).unique()
    ours = pl.concat([f.select("person_key", use=pl.lit(use)).unique() for use, f in own.items()])
    uploaded = confirmed.filter(pl.col("origin") == "receipt").select(key)
    gone = all_lists.join(alive, on="person_key", how="anti")
    foreign = all_lists.join(ours, on=key, how="anti").join(uploaded, on=key, how="anti")
    return pl.concat([gone, foreign]).unique()


def _commit(site: Site, settled: Settled, run: int, actor: str) -> None:
    files = {w.row.id: w.resolutions_file(site) for w in settled.work}
    applied = [w for w in settled.work if settled.states[w.row.id][0] is DeliveryState.APPLIED]
    found = cases(site, [w for w in applied if w.mapping.statements], "row:")
    # Payments are looked at once: their cases are opened here and wait for a person.
    payments = cases(site, [w for w in applied if not w.mapping.statements], "pay:")
    departures = pl.concat([f.departures for f in settled.folds.values()]) if settled.folds else None
    with site.ledger.begin() as tx:
        for w in settled.work:
            state, code, detail = settled.states[w.row.id]
            if state is DeliveryState.APPLIED:
                deliveries.apply(
                    tx,
                    w.row.id,
                    outcomes=outcome_counts(w.resolutions),
                    resolutions_file=files[w.row.id],
                    review_digest=w.review_digest(),
                )
                uncovered = w.resolutions.filter((pl.col("outcome") == "matched") & ~pl.col("covered")).height
                deliveries.set_finding(tx, w.row.id, "not_covered", uncovered)
            elif w.row.state != DeliveryState.APPLIED:
                deliveries.mark(tx, w.row.id, state, code=code, message=detail)
        for one in settled.folds.values():
            for delivery, count in one.unknown_stops.group_by("delivery").len().iter_rows():
                deliveries.set_finding(tx, delivery, "unknown_stop", count)
        people.replace_recognitions(tx, settled.recognitions, run)
        if departures is not None:
            people.replace_departures(tx, departures)
        decisions.keep_holds(tx, settled.breaches, actor)
        decisions.keep_cases(tx, found, "row:")
        decisions.open_cases(tx, payments)
        people.adopt(tx, settled.standing.adopted)
        people.confirm_readback(tx, settled.standing.confirmed)
        outbox.replace_queue(tx, settled.wanted, run)
