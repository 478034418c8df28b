"""From statements to recognitions: one instance's applied deliveries, folded in the order of their business dates.

Rules (contract «When an identity ends»): a row replaces an earlier one of the same person and identity wholly; an
earlier period that had ended before the new one begins stays as history. A full list ends, on the day before its
business date, what it no longer names within its scope: a departure. 停发 ends an identity on its day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from gateway.model.deliveries import Mode
from gateway.model.frames import DEPARTURES, empty
from gateway.model.holds import Approved, Breach, Place
from gateway.settle.guard import Counties, Limits, judge, no_counties
from gateway.settle.statements import last_words, may_mean
from gateway.settle.turns import KEY, STATE, Said, State, nothing

#: (people who would depart, rows that may name them) -> person keys that may be named.
MayName = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """What an instance's deliveries come to."""

    state: State
    #: `DEPARTURES`
    departures: pl.DataFrame
    breaches: tuple[Breach, ...]
    #: Rows that stop an identity nobody knew of: (delivery, row).
    unknown_stops: pl.DataFrame


def fold(
    deliveries: Sequence[Said],
    *,
    limits: Limits,
    decided: Mapping[Place, str],
    may_name: MayName,
    months: Mapping[str, int],
    counties: Counties = no_counties,
    released: pl.DataFrame | None = None,
    taken_back: pl.Series | None = None,
    approved: Approved | None = None,
    since: State | None = None,
) -> Fold:
    """What deliveries of one instance, in the order of `in_order`, come to; `since`: after those before them.

    `decided` holds what a person said of departures: "released" or "cancelled", and "held" where they were held before
    and nobody decided yet. `months`: identities that end by themselves. `counties`: where people live, as far as the
    scope does not say so. `released` (delivery and KEY): departures that took place; a changed roster or limit does
    not judge them again, but for those of `taken_back` (person keys) whom a row may name again, since what was decided
    of it was taken back. `approved`: of which set of people each release is; where it does not say, of any.
    """
    over = _NO_DEPARTURES if released is None else released
    again = pl.Series("person_key", [], pl.Int64) if taken_back is None else taken_back
    run = _Run(limits, decided, approved or {}, may_name, months, counties, over, again, since or nothing())
    for said in deliveries:
        run.take(said)
    return Fold(
        state=run.now(),
        departures=pl.concat([empty(DEPARTURES), *run.departures]),
        breaches=tuple(run.breaches),
        unknown_stops=pl.concat([_NO_ROWS, *run.unknown_stops]),
    )


_NO_DEPARTURES = empty(DEPARTURES).select("delivery", *KEY)
_NO_ROWS = pl.DataFrame(schema={"delivery": pl.Int64, "row": pl.UInt32})


class _Run:
    """The state of one fold. Lives for one call."""

    def __init__(
        self,
        limits: Limits,
        decided: Mapping[Place, str],
        approved: Approved,
        may_name: MayName,
        months: Mapping[str, int],
        counties: Counties,
        released: pl.DataFrame,
        taken_back: pl.Series,
        since: State,
    ) -> None:
        self.state, self._known_ids = since.recognitions, since.source_ids
        self.departures: list[pl.DataFrame] = []
        self.breaches: list[Breach] = []
        self.unknown_stops: list[pl.DataFrame] = []
        self._limits, self._decided, self._may_name, self._months = limits, decided, may_name, months
        self._counties, self._released, self._approved = counties, released, approved
        self._taken_back = taken_back

    def take(self, said: Said) -> None:
        """Applies one delivery: who leaves, what stops, what is stated."""
        if said.mode is Mode.FULL:
            self._depart(said)
        last = last_words(said.rows)
        self._stop(said, last.filter((pl.col("change") == "stop") & ~pl.col("after")))
        self._state(said, last.filter(pl.col("change") == "state"))
        self._stop(said, last.filter((pl.col("change") == "stop") & pl.col("after")))
        ids = said.rows.select("source_id", named="person_key").drop_nulls()
        self._known_ids = pl.concat([self._known_ids, ids]).unique()

    def now(self) -> State:
        """What the deliveries taken so far come to."""
        return State(recognitions=self.state, source_ids=self._known_ids)

    def _depart(self, said: Said) -> None:
        eve = said.business_date - timedelta(days=1)
        inside = pl.col("scope").is_in(said.scopes)
        still = pl.col("last").is_null() | (pl.col("last") > eve)
        holding = self.state.filter(inside & still)
        named = said.rows.select(KEY).unique()
        if named.height:
            also = said.rows.select("scope", "person_key", identity="next_identity").drop_nulls()
            named = pl.concat([named, also]).unique()
        stands = said.rows.filter("stands").select("scope", "person_key").unique()
        gone = holding.join(named, on=KEY, how="anti").join(stands, on=["scope", "person_key"], how="anti")
        if gone.is_empty():
            return
        on_list = said.rows.select("scope", "person_key").unique().with_columns(on_list=pl.lit(value=True))
        gone = gone.join(on_list, on=["scope", "person_key"], how="left").with_columns(
            left_out=pl.col("on_list").is_null()
        )
        judged = self._judge(said, gone, holding)
        self.departures.append(
            judged.with_columns(delivery=pl.lit(said.delivery, pl.Int64), last=pl.lit(eve)).select(
                pl.col(n).cast(t) for n, t in DEPARTURES.items()
            )
        )
        self._end(judged.filter(pl.col("state") == "released"), eve)

    def _judge(self, said: Said, gone: pl.DataFrame, holding: pl.DataFrame) -> pl.DataFrame:
        """Each departure's state: released, waiting, held or cancelled."""
        maybe = self._maybe_named(gone, said.unresolved).with_columns(waits=pl.lit(value=True))
        gone = gone.join(maybe, on=["scope", "person_key"], how="left").with_columns(
            pl.col("waits").fill_null(value=False)
        )
        over = (
            self._released.filter(pl.col("delivery") == said.delivery).select(KEY).with_columns(over=pl.lit(value=True))
        )
        again = pl.col("waits") & pl.col("person_key").is_in(self._taken_back.implode())
        gone = gone.join(over, on=KEY, how="left").with_columns(over=pl.col("over").fill_null(value=False) & ~again)
        # Who is named under another identity may have both: the row of the other may be what is missing.
        counts = pl.col("left_out") | pl.col("scope").is_in(list(said.mistrusted))
        leaving = gone.filter(counts & (~pl.col("waits") | pl.col("over")))
        judged = judge(
            leaving,
            holding,
            delivery=said.delivery,
            mistrusted=said.mistrusted,
            limits=self._limits,
            decided=self._decided,
            approved=self._approved,
            counties=self._counties,
        )
        self.breaches += judged.breaches
        gone = gone.join(judged.verdicts, on=KEY, how="left", maintain_order="left")
        return gone.with_columns(
            state=pl.when("over")
            .then(pl.lit("released"))
            .when("waits")
            .then(pl.lit("waiting"))
            .otherwise(pl.col("verdict").fill_null("released"))
        )

    def _maybe_named(self, gone: pl.DataFrame, unresolved: pl.DataFrame) -> pl.DataFrame:
        """(scope, person_key) of those whom an unresolved row of the same scope may name.

        Who stands on the list under another identity waits only for a row that means them by number or as candidate:
        their own name on their own row is no doubt.
        """
        if unresolved.is_empty():
            return _NOBODY
        everybody = gone.select("scope", "person_key").unique()
        people = gone.filter("left_out").select("scope", "person_key").unique()
        direct = pl.concat([self._by_id(everybody, unresolved), may_mean(unresolved).select("scope", "person_key")])
        named = [self._may_name(people, unresolved)] if people.height else []
        found = pl.concat([direct.select("scope", "person_key"), *named])
        return everybody.join(found.unique(), on=["scope", "person_key"], how="semi")

    def _by_id(self, people: pl.DataFrame, unresolved: pl.DataFrame) -> pl.DataFrame:
        """(scope, person_key) of those whom the source's own number of such a row ever meant, and whom not each row
        with it rules out."""
        number = ["scope", "source_id"]
        rows = unresolved.select(*number, pl.col("ruled_out").list.unique()).drop_nulls("source_id")
        out = rows.explode("ruled_out").group_by(*number, named="ruled_out").agg(out=pl.len())
        mine = people.join(self._known_ids, left_on="person_key", right_on="named", how="inner", coalesce=False)
        mine = mine.join(rows.group_by(number).agg(rows=pl.len()), on=number)
        mine = mine.join(out, on=[*number, "named"], how="left").filter(pl.col("rows") > pl.col("out").fill_null(0))
        return mine.select("scope", "person_key")

    def _end(self, released: pl.DataFrame, last: date) -> None:
        keys = released.select(KEY).unique().with_columns(gone=pl.lit(value=True))
        state = self.state.join(keys, on=KEY, how="left", maintain_order="left")
        ends = pl.col("gone").fill_null(value=False) & (pl.col("last").is_null() | (pl.col("last") > last))
        self.state = (
            state.filter(~(ends & (pl.col("first") > last)))
            .with_columns(
                last=pl.when(ends).then(pl.lit(last)).otherwise("last"),
                ended_by=pl.when(ends).then(pl.lit("departure")).otherwise("ended_by"),
            )
            .select(STATE)
        )

    def _stop(self, said: Said, stops: pl.DataFrame) -> None:
        """停发, and a grade that is no longer severe: the latest recognition ends on the row's day."""
        if stops.is_empty():
            return
        stop = stops.select(
            *KEY, "row", "gives", "level", inferred="last_inferred", said_first="first", stop="last"
        )
        stop, former = self._of_former_periods(said, stop)
        latest = self.state.with_columns(newest=pl.col("first") == pl.col("first").max().over(KEY))
        state = latest.join(
            stop.select(*KEY, "gives", "inferred", "said_first", "stop", stop_row="row"),
            on=KEY,
            how="left",
            maintain_order="left",
        )
        # A day that the row gives is its word; one that was only inferred lengthens nothing that had ended.
        given = (pl.col("gives") != "none") & ~pl.col("inferred")
        final = given | pl.col("last").is_null() | (pl.col("last") > pl.col("stop"))
        hit = (pl.col("newest") & pl.col("stop").is_not_null() & final).fill_null(value=False)
        late = hit & (pl.col("first") > pl.col("stop"))
        first = pl.when(late).then("said_first").otherwise("first")
        unknown = stop.join(self.state.select(KEY).unique(), on=KEY, how="anti").filter(pl.col("gives") != "none")
        self.state = (
            state.with_columns(
                first=first,
                last=pl.when(hit).then(pl.min_horizontal("stop", self._own_end())).otherwise("last"),
                row=pl.when(hit).then("stop_row").otherwise("row"),
                delivery=pl.when(hit).then(pl.lit(said.delivery, pl.Int64)).otherwise("delivery"),
                ended_by=pl.when(hit).then(pl.lit("stop")).otherwise("ended_by"),
            )
            .filter(pl.col("first").is_not_null())
            .select(STATE)
        )
        self._own_period(unknown, said.delivery)
        self._replace_former(former, said.delivery)

    def _of_former_periods(self, said: Said, stop: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The stops of the latest period of an identity, and those that give a period of their own, over before the
        latest one begins: of that they say nothing. Nor does what never gave an identity, and is older: whoever has
        such a certificate may hold a newer one, where no full list without doubts says otherwise."""
        newest = self.state.group_by(KEY).agg(begins=pl.col("first").max())
        stop = stop.join(newest, on=KEY, how="left", maintain_order="left")
        former = (pl.col("said_first") <= pl.col("stop")) & (pl.col("stop") < pl.col("begins"))
        none = pl.col("gives") == "none"
        former = former.fill_null(value=False) & ~none
        older = stop.filter(none & (pl.col("said_first") < pl.col("begins")))
        if said.mode is Mode.FULL and older.height:
            people = older.select("scope", "person_key", left_out=pl.lit(value=True))
            older = older.join(self._maybe_named(people, said.unresolved), on=["scope", "person_key"], how="semi")
        stop = stop.join(older.select(KEY), on=KEY, how="anti", maintain_order="left")
        return stop.filter(~former).drop("begins"), stop.filter(former).drop("begins")

    def _replace_former(self, former: pl.DataFrame, delivery: int) -> None:
        """A period that is over stands as a stop gives it, in the place of what it overlaps; where that is nothing, the
        stop is of an identity that nobody knew."""
        if former.is_empty():
            return
        spans = former.select(*KEY, "said_first", "stop")
        old = self.state.join(spans, on=KEY, how="left", maintain_order="left")
        overlaps = (pl.col("first") <= pl.col("stop")) & (pl.col("last") >= pl.col("said_first"))
        overlaps = overlaps.fill_null(value=False)
        unknown = former.join(old.filter(overlaps), on=KEY, how="anti")
        self.unknown_stops.append(unknown.select(delivery=pl.lit(delivery, pl.Int64), row="row"))
        self.state = old.filter(~overlaps).select(STATE)
        self._add_periods(former, delivery)

    def _own_period(self, unknown: pl.DataFrame, delivery: int) -> None:
        """A stop of an identity nobody knew counts for its own period, and is a finding."""
        if unknown.is_empty():
            return
        self.unknown_stops.append(unknown.select(delivery=pl.lit(delivery, pl.Int64), row="row"))
        self._add_periods(unknown, delivery)

    def _add_periods(self, stops: pl.DataFrame, delivery: int) -> None:
        """The periods that stops give themselves."""
        own = stops.filter(pl.col("said_first") <= pl.col("stop")).select(
            *KEY,
            "level",
            first="said_first",
            last=pl.min_horizontal("stop", self._own_end("said_first")),
            delivery=pl.lit(delivery, pl.Int64),
            row="row",
            ended_by=pl.lit("stop"),
        )
        self.state = pl.concat([self.state, own.select(STATE)])

    def _state(self, said: Said, rows: pl.DataFrame) -> None:
        """What the rows state replaces what overlaps it; what had ended before stays as history."""
        if rows.is_empty():
            return
        rows = self._earlier_inferred(rows)
        own, follows = self._own(rows), self._follows(rows)
        # Also a period without a day, of somebody who lost it on the day it began, replaces what was said before.
        begins = pl.concat([own, follows]).group_by(KEY).agg(begins=pl.col("first").min())
        new = pl.concat([own, follows]).with_columns(delivery=pl.lit(said.delivery, pl.Int64))
        new = new.filter(pl.col("last").is_null() | (pl.col("first") <= pl.col("last")))
        old = self.state.join(begins, on=KEY, how="left", maintain_order="left")
        stays = pl.col("begins").is_null() | (pl.col("last") < pl.col("begins")).fill_null(value=False)
        self.state = pl.concat([old.filter(stays).select(STATE), self._in_other_words(new)])

    def _in_other_words(self, new: pl.DataFrame) -> pl.DataFrame:
        """What was said before in the same words goes on coming from the delivery that said it so first."""
        words = [*KEY, "level", "first", "last", "ended_by"]
        before = self.state.select(*words, said_in="delivery", said_at="row").unique(words, keep="first")
        again = new.join(before, on=words, how="left", nulls_equal=True, maintain_order="left")
        return again.with_columns(
            delivery=pl.coalesce("said_in", "delivery"),
            row=pl.when(pl.col("said_in").is_null()).then("row").otherwise("said_at"),
        ).select(STATE)

    def _own(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The periods that rows state, cut by the identity's length."""
        rows = rows.with_columns(last=pl.min_horizontal("last", self._own_end()))
        ended = pl.when(pl.col("last").is_null()).then(pl.lit("")).otherwise(pl.lit("row"))
        return rows.with_columns(ended_by=ended).select(_PERIOD)

    def _follows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What follows, on the day after, where a row says so."""
        follows = rows.filter(pl.col("next_identity").is_not_null()).with_columns(
            identity="next_identity",
            level=pl.lit(""),
            first=pl.max_horizontal("first", pl.col("last").dt.offset_by("1d")),
            last=pl.lit(None, pl.Date),
            ended_by=pl.lit(""),
        )
        return follows.select(_PERIOD)

    def _own_end(self, first: str = "first") -> pl.Expr:
        """The last day of an identity that ends by itself; null for the others."""
        length = pl.col("identity").replace_strict(dict(self._months), default=None, return_dtype=pl.Int32)
        return _months_later(pl.col(first), length)

    def _earlier_inferred(self, rows: pl.DataFrame) -> pl.DataFrame:
        """An end that the row does not give was inferred from the first list that said so, and stays there."""
        if not rows["last_inferred"].any():
            return rows
        ended = self.state.filter(pl.col("last").is_not_null()).group_by(KEY).agg(before=pl.col("last").max())
        rows = rows.join(ended, on=KEY, how="left", maintain_order="left")
        earlier = pl.col("last_inferred") & (pl.col("before") < pl.col("last")) & (pl.col("before") >= pl.col("first"))
        return rows.with_columns(last=pl.when(earlier).then("before").otherwise("last")).drop("before")


_NOBODY = pl.DataFrame(schema={"scope": pl.String, "person_key": pl.Int64})
#: Columns of a period that a row states.
_PERIOD = [*KEY, "level", "first", "last", "row", "ended_by"]


def _months_later(first: pl.Expr, months: pl.Expr) -> pl.Expr:
    """The last day of so many months from `first`; the day after 29 February's missing twin is 1 March."""
    total = first.dt.month().cast(pl.Int32) - 1 + months
    target = pl.date(first.dt.year() + total // 12, total % 12 + 1, 1)
    overflow = first.dt.day() > target.dt.month_end().dt.day()
    same_day = target.dt.offset_by(pl.format("{}d", first.dt.day().cast(pl.Int32) - 1))
    end = pl.when(overflow).then(target.dt.month_end()).otherwise(same_day - pl.duration(days=1))
    return pl.when(months.is_not_null()).then(end)
