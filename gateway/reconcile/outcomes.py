"""From links to outcomes: every row of a delivery comes to exactly one, the first that fits."""

import polars as pl

from gateway.model.frames import RESOLUTIONS

#: Reasons of rows about whom it is known that nobody on the roster is meant.
_NOBODY = ("not_on_roster", "decided_nobody")
#: What two rows of one person and category must share to be the same statement said twice.
_ALIKE = ("identity", "level", "first", "last", "next_identity", "change", "gives", "said_dead")

#: Rows that are put in their order at once: what is wide is not there twice.
_AT_ONCE = 500_000
#: Columns of an entry on which its outcome depends.
RESOLVED = ("row", "fault", "dup_key", *_ALIKE, "birth_from", "number_state", "none_reason", "remark")


def resolve(
    entries: pl.DataFrame, links: pl.DataFrame, *, statements: bool, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`RESOLUTIONS` of one delivery's entries, in row order.

    `links`: `LINKS` of the same rows, as `links.link` gives them. `statements` is False for lists of payments, where a
    second row of one receipt is the duplicate, whoever it is about. `previous` (row, person_key, decided: by a person,
    insured: still on the roster) says how rows were linked before: a row that was sure before and is in doubt now keeps
    its person until somebody decides.
    """
    frame = _born_later(entries.select(RESOLVED).hstack(links))
    plain = frame.select(_usable() & ~_said_again(frame, statements=statements) & _is_plain(statements=statements))
    mask = plain.to_series().fill_null(value=False)
    odd = _looked_at(frame.filter(~mask), previous, statements=statements)
    told = [name for name in RESOLUTIONS if name in frame.columns]
    parts = [pl.DataFrame(schema=RESOLUTIONS)]
    for at in range(0, frame.height, _AT_ONCE):
        rows = frame.slice(at, _AT_ONCE)
        plainly = rows.select(told).filter(mask.slice(at, _AT_ONCE))
        plainly = plainly.with_columns(outcome=pl.lit("matched"), reason=pl.lit(""), kept=None)
        others = odd.join(rows.select("row"), on="row", how="semi")
        parts.append(pl.concat([_as_resolutions(plainly), _as_resolutions(others)]).sort("row"))
    return pl.concat(parts)


def _as_resolutions(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in RESOLUTIONS.items())


def _usable() -> pl.Expr:
    return pl.col("fault").is_null() & pl.col("person_key").is_not_null()


def _said_again(frame: pl.DataFrame, *, statements: bool) -> pl.Series:
    """Rows beside which another may be of the same group: its hash is the same. At least these."""
    group = pl.col("dup_key").hash()
    if statements:
        group = group ^ pl.col("person_key").hash(1)
    groups = frame.select(pl.when(_usable()).then(group)).to_series()
    ranked = groups.drop_nulls().sort()  # neighbours are found in half the time that it takes to count each
    return groups.is_in(ranked.filter(ranked == ranked.shift(1)).implode()).fill_null(value=False)


def _is_plain(*, statements: bool) -> pl.Expr:
    """Usable rows that say what most rows say: a current identity of somebody alive and insured, and no more."""
    dead = (pl.col("dead") | pl.col("said_dead")) & pl.lit(statements)
    current = (pl.col("gives") == "current") & (pl.col("change") != "stop")
    return current & pl.col("remark").is_null() & pl.col("covered") & ~dead


def _looked_at(frame: pl.DataFrame, previous: pl.DataFrame | None, *, statements: bool) -> pl.DataFrame:
    """The other rows, with what they come to."""
    frame = _with_previous(frame, previous)
    frame = _with_doubles(frame, statements=statements)
    dead = (pl.col("dead").fill_null(value=False) | pl.col("said_dead")) & pl.lit(statements)
    outcome = (
        pl.when(pl.col("fault").is_not_null())
        .then(pl.lit("invalid"))
        .when(pl.col("person_key").is_null() & pl.col("reason").is_in(_NOBODY))
        .then(pl.lit("unmatched"))
        .when(pl.col("person_key").is_null() | pl.col("conflict"))
        .then(pl.lit("review"))
        .when(pl.col("double"))
        .then(pl.lit("duplicate"))
        .when(dead)
        .then(pl.lit("deceased"))
        .when(pl.col("gives") != "current")
        .then(pl.lit("no_identity"))
        .otherwise(pl.lit("matched"))
    )
    frame = frame.with_columns(outcome.alias("outcome"))
    # Whom a row means that cannot be used, or that contradicts another, is known all the same: it holds them back. One
    # with neither number nor name holds nobody back, but by the source's own number.
    doubtful = pl.col("outcome").is_in(["invalid", "unmatched", "review"])
    named = (pl.col("fault") != "nobody_named").fill_null(value=True)
    return frame.with_columns(
        _reason().alias("reason"),
        pl.when(named).then(pl.coalesce("candidate", pl.when(doubtful).then("person_key"))).alias("candidate"),
        pl.when(named).then("candidates").alias("candidates"),
        pl.when(~doubtful).then("person_key").alias("person_key"),
    )


def _born_later(frame: pl.DataFrame) -> pl.DataFrame:
    """Recognised before birth by the roster, where neither the row nor a sound number says a birth date."""
    early = pl.col("fault").is_null() & pl.col("birth_from").is_null() & (pl.col("first") < pl.col("birth"))
    rows = frame.select(early.arg_true()).to_series()  # a few; their states are text
    silent = frame["number_state"].gather(rows) != "sound"
    return frame.with_columns(frame["fault"].scatter(rows.filter(silent), "before_birth"))


def _with_previous(frame: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    if previous is None or previous.is_empty():
        return frame.with_columns(pl.lit(None, pl.Int64).alias("kept"))
    before = previous.select("row", "insured", was_decided="decided", before="person_key")
    frame = frame.join(before, on="row", how="left", maintain_order="left")
    ruled_out = pl.col("ruled_out").list.contains(pl.col("before")).fill_null(value=False)
    lost = pl.col("person_key").is_null() & pl.col("before").is_not_null() & pl.col("fault").is_null() & ~ruled_out
    lost = lost & (pl.col("reason") != "decided_nobody").fill_null(value=True)
    # Of somebody who is not on the roster it is only remembered: they may come back under another name or number.
    here = lost & pl.col("insured")
    return frame.with_columns(
        pl.when(here).then(pl.lit("link_lost")).otherwise("reason").alias("reason"),
        pl.when(lost).then("before").alias("kept"),
        # Should the decision be undone, nobody was ever sure about them.
        pl.when(lost & pl.col("was_decided")).then(pl.lit("decided")).otherwise("rule").alias("rule"),
        pl.when(here).then("before").otherwise("candidate").alias("candidate"),
    ).drop("before", "insured", "was_decided")


def _with_doubles(frame: pl.DataFrame, *, statements: bool) -> pl.DataFrame:
    """`double`: an earlier row says the same. `conflict`: another row of person and category says otherwise."""
    usable = pl.col("fault").is_null() & pl.col("person_key").is_not_null() & (pl.col("dup_key") != "")
    group = ["person_key", "dup_key"] if statements else ["dup_key"]
    inside = frame.filter(usable).select("row", *group, *(c for c in _ALIKE if c not in group))
    inside = inside.filter(pl.struct(group).is_duplicated())  # a few in a hundred
    said = pl.struct(_ALIKE).n_unique().over(group) > 1
    first = pl.col("row") == pl.col("row").min().over(group)
    marks = inside.select(
        "row",
        (said & pl.lit(statements)).alias("conflict"),
        (~first).alias("double"),
    )
    return frame.join(marks, on="row", how="left", maintain_order="left").with_columns(
        pl.col("conflict").fill_null(value=False), pl.col("double").fill_null(value=False)
    )


def _reason() -> pl.Expr:
    outcome = pl.col("outcome")
    remark = pl.coalesce(
        pl.when(pl.col("remark") != "dead_by_row").then("remark"),
        pl.when(pl.col("change") == "stop").then(pl.lit("stopped")),
        pl.when(~pl.col("covered")).then(pl.lit("not_covered")),
        pl.lit(""),
    )
    return (
        pl.when(outcome == "invalid")
        .then("fault")
        .when(outcome == "duplicate")
        .then(pl.lit("same_row_before"))
        .when((outcome == "review") & pl.col("conflict"))
        .then(pl.lit("rows_conflict"))
        .when(outcome == "deceased")
        .then(
            pl.when(pl.col("dead").fill_null(value=False))
            .then(pl.lit("dead_on_roster"))
            .otherwise(pl.lit("dead_by_row"))
        )
        .when(outcome == "no_identity")
        .then("none_reason")
        .when(outcome == "matched")
        .then(remark)
        .otherwise("reason")
    )
