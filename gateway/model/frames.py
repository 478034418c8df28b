"""Schemas of the frames that travel between rooms: one place for columns, types and units."""

import polars as pl

#: Person keys are keyed digests of psn_no, 63 bits; the person number itself stays in sealed frames.
PersonKey = pl.Int64
PersonKeys = pl.List(pl.Int64())

#: Digits of a county's code, with which an area's begins.
COUNTY_DIGITS = 6

#: One row per data row of a delivery, as normalise gives it.
ENTRIES = pl.Schema(
    {
        "row": pl.UInt32,  # 1… through the delivery, in the order of its parts
        "line": pl.UInt32,  # line of the file or row of the sheet, as a clerk counts
        "part": pl.String,  # the file or workbook
        "scope": pl.String,  # what the part speaks for: "" = the instance's whole list, else a county
        "raw_name": pl.String,  # as received, for the receipt
        "raw_number": pl.String,
        "raw_category": pl.String,
        "raw_household": pl.String,
        "raw_source_id": pl.String,
        "name_key": pl.String,  # width, spaces, separator and script unified
        "number": pl.String,  # cleaned; 18 characters where it could be
        "number_state": pl.String,  # sound | suspect | opaque | damaged | missing
        "birth_from": pl.Date,  # the birth date, or the month that it narrows to
        "birth_to": pl.Date,
        "sex": pl.String,  # "1" male, "2" female
        "head_number": pl.String,  # cleaned number of the head, where the row is not the head's
        "area": pl.String,  # digits of the area code
        "category": pl.String,  # the department's category, canonical
        "identity": pl.String,  # what it gives, by the name of the identity table; null = none
        "level": pl.String,
        "first": pl.Date,
        "last": pl.Date,  # null = still
        "last_inferred": pl.Boolean,  # the row gave no end; the business date did
        "next_identity": pl.String,  # what follows on the day after `last`
        "change": pl.String,  # state | stop
        "gives": pl.String,  # current | past | none: what the row gives when the person is found
        "none_reason": pl.String,  # reason code when it gives no current identity
        "stands": pl.Boolean,  # names the person without a new statement: what they hold stands
        "said_dead": pl.Boolean,
        "remark": pl.String,  # reason code of a remark that opens a case: moved_away, lost_contact, life_unknown
        "dup_key": pl.String,  # rows of one person with one such key are the same statement
        "fault": pl.String,  # reason code; null = usable
    }
)

#: One row per insured person, as the roster gives them.
ROSTER = pl.Schema(
    {
        "person_key": PersonKey,
        "psn_no": pl.String,
        "name": pl.String,  # as the roster has it
        "certno": pl.String,  # as the roster has it
        "name_key": pl.String,
        "number": pl.String,  # cleaned, 18 characters where it could be
        "birth": pl.Date,
        "sex": pl.String,
        "county": pl.String,  # insu_admdvs, 6 digits
        "village": pl.String,  # live_admdvs, 12 digits
        "dead": pl.Boolean,
        "covered": pl.Boolean,  # at least one insurance relation is active
    }
)

#: One row per person whom the ledger names and the roster has no more.
FORMER = pl.Schema({"person_key": PersonKey, "psn_no": pl.String})

#: One row per entry: whom it is about and what it comes to.
RESOLUTIONS = pl.Schema(
    {
        "row": pl.UInt32(),
        "outcome": pl.String(),
        "reason": pl.String(),
        "rule": pl.String(),  # the rule that linked it, for explain
        "person_key": PersonKey(),  # null = nobody found, or not sure
        "candidate": PersonKey(),  # whom a row in review, or one that cannot be used, seems to mean
        "candidates": PersonKeys,  # whom a row without a person may mean, the likeliest first
        "score": pl.Float32(),  # bits that speak for the person, or for the first candidate; null = nobody in sight
        "evidence": pl.String(),  # codes of `outcomes.EVIDENCE`, joined by commas
        "ruled_out": PersonKeys,  # whom a person said it is not
        "kept": PersonKey(),  # whom the row, in doubt now, was sure about before: in review their statement goes on
        "dead": pl.Boolean(),
        "covered": pl.Boolean(),
    }
)

#: What people decided, one row per who a row says it is (`model.verdicts.who_says`); keys are compared null = null.
VERDICTS = pl.Schema(
    {
        "number": pl.String(),
        "name_key": pl.String(),
        "birth_from": pl.Date(),
        "birth_to": pl.Date(),
        "instance": pl.String(),  # from here to raw_source_id: null where the number is whole
        "area": pl.String(),
        "sex": pl.String(),
        "raw_household": pl.String(),
        "raw_source_id": pl.String(),
        "same": PersonKey(),  # it is this person; null = nobody said so
        "excluded": PersonKeys,  # it is none of these
        "nobody": pl.Boolean(),  # it is nobody who was on the roster
        "case_id": pl.Int64(),  # where it was decided last
    }
)

#: One row per claim, in the order of the rows: which person it means, and why. See `RESOLUTIONS` for the columns.
LINKS = pl.Schema(
    {
        "person_key": PersonKey(),
        "candidate": PersonKey(),
        "candidates": PersonKeys,
        "score": pl.Float32(),
        "evidence": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),  # why nobody was found; null = linked
        "dead": pl.Boolean(),
        "covered": pl.Boolean(),
        "birth": pl.Date(),  # the roster's
        "ruled_out": PersonKeys,  # whom a person said it is not
    }
)

#: One row per recognised identity: person, identity, level, first and last day, and where it came from.
RECOGNITIONS = pl.Schema(
    {
        "instance": pl.String,
        "scope": pl.String,
        "person_key": PersonKey,
        "identity": pl.String,
        "level": pl.String,
        "first": pl.Date,
        "last": pl.Date,  # null = open
        "delivery": pl.Int64,  # ledger id of the delivery that said it last in other words
        "row": pl.UInt32,
        "ended_by": pl.String,  # row | stop | departure | ""
    }
)

#: One row per person, identity and applied full list that no longer names them.
DEPARTURES = pl.Schema(
    {
        "delivery": pl.Int64,
        "scope": pl.String,
        "person_key": PersonKey,
        "identity": pl.String,
        "last": pl.Date,  # the last day, if it is released
        "state": pl.String,  # released | waiting | held | cancelled
        "left_out": pl.Boolean,  # the list names the person under no identity of the scope
    }
)

#: One row per record of a timeline.
TIMELINES = pl.Schema(
    {
        "person_key": PersonKey,
        "use": pl.String,  # "1" benefit, "2" premium subsidy
        "code": pl.String,
        "level": pl.String,
        "first": pl.Date,
        "last": pl.Date,  # OPEN_END = open
        "source": pl.String,
    }
)

#: A whole timeline as one line of text: what is compared, stored, and sent.
LISTS = pl.Schema({"person_key": PersonKey, "use": pl.String, "records": pl.String})


def empty(schema: pl.Schema) -> pl.DataFrame:
    """A frame of the schema without rows."""
    return pl.DataFrame(schema=schema)
