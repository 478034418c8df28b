"""Parts of a delivery as frames of text, one column per claimed field: CSV, workbooks, records.

Takes a part's bytes and the list's mapping. Gives the claimed columns as text, exactly as written, with the line of
each row, and the headers that nobody claims. Refuses a part that cannot be read, lacks a column, or is a bomb.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, takewhile
from operator import ne
from typing import Any
from xml.parsers import expat

import polars as pl
import python_calamine as calamine

from gateway.errors import DeliveryRefused
from gateway.model import workbooks
from gateway.model.archives import BROKEN, is_packed
from gateway.model.cells import is_error, may_hold_errors, panicked
from gateway.model.jsons import json_of
from gateway.model.mapping import ListMapping
from gateway.normalise import encodings, quotes
from gateway.normalise.behind import OF_RECORD, with_records
from gateway.normalise.sheets import cell_text, filled, rows_with_errors, without_errors
from gateway.normalise.text import trimmed
from gateway.normalise.uneven import uneven_frame
from gateway.words import _

#: Rows above a header that may hold titles, as below the data sums; the contract says three, some offices add a few.
HEADER_WITHIN = 20
#: A header is looked for in so many bytes at a file's beginning.
_HEADER_BYTES = 1 << 16
_BOM = "\ufeff"
#: How columns are called that nobody claims, until they are left out.
_NOBODYS = "nobody's "
#: Name of the column that marks cells which were numbers in the sheet.
NUMERIC = "{}__numeric"
#: What a cell says of one person, also where it is merged over several rows.
_OF_PERSON = ("name", "number", "source_id")
#: Rows of a sheet that are looked at together.
_BATCH = 1000
_NUMERIC_TYPES = frozenset({int, float})
_NOTHING = frozenset({"", "0", "0.0", "False", "True"})


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """One part, read."""

    #: Claimed fields as text; OF_RECORD: `line` (UInt32), `broken` (another number of cells than the header) …
    frame: pl.DataFrame
    #: Header cells that no column claims, by name.
    unclaimed: tuple[str, ...]
    #: True where bytes did not fit the encoding and were replaced by U+FFFD.
    bad_bytes: bool = False
    #: In which of the rows a formula failed; None = in no row.
    errors: pl.Series | None = None
    #: Of the rows below the last person, which say nothing but errors and zeros and are not read, those with an error.
    below: int = 0
    #: Of a text: cells of the header up to the last with a name, and which of them is the category's.
    width: int = 0
    category: int | None = None


def read_table(content: bytes, mapping: ListMapping, part: str) -> RawTable:
    """The part as a table. Raises DeliveryRefused: unreadable, missing_column, column_twice, no_sheet, bomb."""
    read = {"csv": _read_csv, "sheet": _read_sheet}.get(mapping.format, _read_records)
    table = read(content, mapping, part)
    # In a text of millions of rows only these are looked at, where no error can stand anywhere.
    plain = mapping.format == "csv" and not may_hold_errors(content)
    frame, errors = without_errors(table.frame, mapping, {"name", "number"} if plain else None)
    return replace(table, frame=frame, errors=errors)


def _refuse(code: str, what: str, part: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=part, next_step=next_step, code=code)


def _header_key(cell: object) -> str:
    return "".join(str(cell).split()).translate({0xFEFF: None, 0x200B: None, 0x3000: None, 0xA0: None})


def _claims(header: Sequence[object], mapping: ListMapping, part: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """field -> position of its header cell; and the headers nobody claims."""
    names = [_header_key(cell) for cell in header]
    found: dict[str, int] = {}
    for column in mapping.columns:
        # Of several aliases the first that is there counts: another is a column that nobody claims.
        name = next((alias for alias in column.aliases if alias in names), None)
        if name is None:
            continue
        if names.count(name) > 1:
            what = _("列“{name}”出现了多次").format(name=name)
            raise _refuse("column_twice", what, part, _("请来源单位更正表头后重新提供"))
        found[column.field] = names.index(name)
    missing = [c.aliases[0] for c in mapping.columns if c.required and c.field not in found]
    if missing:
        what = _("缺少必需的列:{names}").format(names=_("、").join(missing))
        raise _refuse("missing_column", what, part, _("请来源单位补齐后重新提供;如列名有变,请在 mappings 中登记别名"))
    claimed = set(found.values())
    unclaimed = tuple(n for i, n in enumerate(names) if n and i not in claimed and n not in mapping.ignored)
    return found, unclaimed


def _read_csv(content: bytes, mapping: ListMapping, part: str) -> RawTable:
    if b"\x00" in content:
        raise _refuse("unreadable", _("文件不是文本表格"), part, _("请来源单位重新导出 CSV"))
    if encodings.is_utf8(content):
        return _table(content, content[:_HEADER_BYTES].decode(errors="ignore"), mapping, part)
    return _undecoded_table(content, mapping, part)


def _undecoded_table(content: bytes, mapping: ListMapping, part: str) -> RawTable:
    """The table of GB18030, its columns decoded when it is read: names are a tenth of a list's bytes, and only what is
    no ASCII takes time."""
    head = encodings.begins_with(content, _HEADER_BYTES)
    table = _table(encodings.undecoded(content), head, mapping, part, every=True)
    columns, fit = [], [encodings.fits(head)]
    for column in table.frame.iter_columns():
        if column.name.startswith(_NOBODYS):
            fit.append(encodings.cells_fit(column))
        elif column.dtype == pl.String:
            text, fits = encodings.decoded(column)
            columns.append(text)
            fit.append(fits)
        else:
            columns.append(column)
    return replace(table, frame=pl.DataFrame(columns), bad_bytes=not all(fit))


def _table(text: bytes, head: str, mapping: ListMapping, part: str, *, every: bool = False) -> RawTable:
    """The table of a text that begins so; with `every`, columns that nobody claims as well."""
    head = head.lstrip(_BOM)
    if not head.strip():
        raise _refuse("empty_file", _("文件为空,连表头也没有"), part, _("请来源单位重新提供;无人员时也应有表头"))
    header, above, lines = _header(head, mapping, part)
    found, unclaimed = _claims(header, mapping, part)
    text = _after_lines(text, lines)
    frame = _even_frame(text, header)
    if frame is None:
        frame = _uneven_frame(text, len(header), part)
    frame = _without_footers(frame, mapping, undecoded=every)
    cells = frame.select(pl.exclude(OF_RECORD))
    if quotes.swallowed_rows(text, cells[:, : len(header)], [f"c{found[n]}" for n in ("name", "number") if n in found]):
        raise _refuse("unreadable", _("引号没有配对,几行并成了一行"), part, _("请来源单位重新导出"))
    named = _named(header)
    beyond = _says(cells[:, named : len(header)], undecoded=every) if named < len(header) else None
    frame = with_records(frame, quoted=b'"' in text, beyond=beyond)
    others = {f"{_NOBODYS}{i}": i for i in range(cells.width) if i not in found.values()} if every else {}
    columns = (pl.col(f"c{i}").alias(name) for name, i in {**found, **others}.items())
    frame = frame.select(*(n for n in OF_RECORD if n in frame.columns), *columns).with_columns(pl.col("line") + above)
    frame = _with_missing(frame, mapping)
    return RawTable(frame=frame, unclaimed=unclaimed, width=named, category=found.get("category"))


def _says(cells: pl.DataFrame, *, undecoded: bool) -> pl.Series:
    """In which records any of these cells says something."""
    texts = [encodings.decoded(column)[0] if undecoded else column for column in cells.iter_columns()]
    return pl.DataFrame(texts).select(pl.any_horizontal(trimmed(pl.all()).is_not_null())).to_series()


def _header(head: str, mapping: ListMapping, part: str) -> tuple[list[str], int, int]:
    """The cells of the header, the records above it and the lines that they take; the first record's where none is
    one."""
    records, first = csv.reader(io.StringIO(head)), list[str]()
    try:
        for above in range(HEADER_WITHIN):
            lines, record = records.line_num, next(records, None)
            if record is None:
                break
            if _is_header(record, mapping):
                return record, above, lines
            first = first or record
    except csv.Error as fault:
        raise _refuse("unreadable", _("CSV 格式损坏"), part, _("请来源单位重新导出")) from fault
    return first, 0, 0


def _named(header: Sequence[str]) -> int:
    """Cells of a header up to the last that says anything."""
    return max((at for at, cell in enumerate(header, 1) if _header_key(cell)), default=0)


def _without_footers(frame: pl.DataFrame, mapping: ListMapping, *, undecoded: bool) -> pl.DataFrame:
    """Without the sums and signatures below the data; `undecoded`: the cells are those of `encodings.undecoded`."""
    below = frame.tail(HEADER_WITHIN if mapping.footers else 0).select(pl.exclude(OF_RECORD).fill_null(""))
    rows = reversed(below.rows())
    if undecoded:
        rows = (map(encodings.decoded_cell, row) for row in rows)
    firsts = (next(filter(None, map(_header_key, row)), "") for row in rows)
    return frame.head(frame.height - len([*takewhile(lambda first: first.startswith(mapping.footers), firsts)]))


def _after_lines(text: bytes, lines: int) -> bytes:
    return text.split(b"\n", lines)[-1]


def _even_frame(text: bytes, header: list[str], *, counted: bool = False) -> pl.DataFrame | None:
    """All cells as text, `line` and `broken`, where every record has as many cells as the header; else None.

    The fast reader refuses a longer record and fills a shorter one silently: none was, where the commas add up.
    `counted`: without quotes they do.
    """
    schema = {f"c{i}": pl.String() for i in range(len(header))}
    quoted = b'"' in text
    # Without quotes each line is a record.
    uneven = not quoted and not counted and text.count(b",") != (len(header) - 1) * _lines(text)
    if uneven or is_packed(text):
        return None
    try:
        # The header has line 1.
        frame = pl.read_csv(
            text, has_header=False, skip_rows=1, schema=schema, row_index_name="line", row_index_offset=2
        )
    except pl.exceptions.PolarsError:  # quoted in a way of its own, or uneven
        return None
    within = quotes.commas_within(text, header, frame.drop("line")) if quoted else 0
    if quoted and text.count(b",") - within != (len(header) - 1) * (frame.height + 1):
        return None
    return frame.with_columns(broken=pl.lit(value=False))


def _lines(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _uneven_frame(text: bytes, width: int, part: str) -> pl.DataFrame:
    """The same where records differ."""
    try:
        return uneven_frame(text, width, partial(_even_frame, counted=True))
    except csv.Error as fault:
        raise _refuse("unreadable", _("CSV 格式损坏"), part, _("请来源单位重新导出")) from fault


def _with_missing(frame: pl.DataFrame, mapping: ListMapping) -> pl.DataFrame:
    """Optional columns that the part lacks, as nulls; numeric marks where none were set."""
    absent = [pl.lit(None, pl.String).alias(c.field) for c in mapping.columns if c.field not in frame.columns]
    marks = [
        pl.lit(value=False).alias(NUMERIC.format(c.field))
        for c in mapping.columns
        if c.kind == "number" and NUMERIC.format(c.field) not in frame.columns
    ]
    return frame.with_columns(absent + marks)


def _read_sheet(content: bytes, mapping: ListMapping, part: str) -> RawTable:
    try:
        checked = workbooks.checked(content)
    except (workbooks.Bomb, workbooks.OtherBook, expat.ExpatError, *BROKEN) as fault:
        raise _no_workbook(fault, part) from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(checked.stream)
        return _sheet(book, mapping, part, since_1904=checked.since_1904)
    except BaseException as fault:
        # Beside its own error: numbers whose format makes a time of them.
        if not isinstance(fault, calamine.CalamineError | OverflowError) and not panicked(fault):
            raise
        raise _no_workbook(checked.without or fault, part) from None


def _no_workbook(fault: BaseException, part: str) -> DeliveryRefused:
    again = _("请来源单位重新导出 xlsx")
    match fault:
        case workbooks.Bomb():
            step = _("请来源单位检查文件,例如名单以外很远处的单元格是否有内容,清除后重新提供")
            return _refuse("bomb", _("工作簿的内容异常巨大"), part, step)
        case workbooks.OtherBook():
            return _refuse("unreadable", _("文件不是 xlsx 工作簿"), part, again)
        case expat.ExpatError():
            return _refuse("unreadable", _("工作簿已损坏"), part, again)
        case _:
            return _refuse("unreadable", _("工作簿无法打开"), part, again)


def _sheet(book: calamine.CalamineWorkbook, mapping: ListMapping, part: str, *, since_1904: bool) -> RawTable:
    if mapping.sheet not in book.sheet_names:
        what = _("工作簿中没有“{sheet}”工作表").format(sheet=mapping.sheet)
        raise _refuse("no_sheet", what, part, _("请来源单位按约定的模板重新提供"))
    sheet = book.get_sheet_by_name(mapping.sheet)
    rows = sheet.iter_rows()
    top = list(islice(rows, HEADER_WITHIN))
    at = _header_row(top, mapping, part)
    found, unclaimed = _claims(top[at], mapping, part)
    body: Iterator[list[Any]] = chain(top[at + 1 :], rows)
    if merged := sheet.merged_cell_ranges:
        shared = [place for field, place in found.items() if field not in _OF_PERSON]
        left = sheet.start[1] if sheet.start else 0
        body = filled(body, merged, first=at + 1, left=left, columns=shared)
    numbered = enumerate(body, start=at + 2)
    # In batches: as many lists as a sheet has rows would keep the garbage collector busy.
    batches = iter(lambda: list(islice(numbered, _BATCH)), [])
    frame_of = partial(_sheet_frame, found=found, mapping=mapping, since_1904=since_1904)
    frames, last = [frame_of([])], 0
    for batch in batches:
        said = _said(batch, mapping)
        frames.append(frame_of(said))
        last = next((line for line, row in reversed(said) if _says_more(row)), last)
    frame = pl.concat(frames, rechunk=True)
    # Formulas are pulled down further than a list goes; between two people such a row is somebody's.
    read = frame.filter(pl.col("line") <= last) if last else frame
    below = rows_with_errors(frame.slice(read.height), mapping)
    return RawTable(frame=_with_missing(read, mapping), unclaimed=unclaimed, below=below)


def _header_row(rows: list[list[Any]], mapping: ListMapping, part: str) -> int:
    for at, row in enumerate(rows[:HEADER_WITHIN]):
        if _is_header(row, mapping):
            return at
    names = _("、").join(aliases[0] for aliases in _who(mapping))
    what = _("找不到同时含有{names}的表头行").format(names=names)
    raise _refuse("missing_column", what, part, _("请来源单位按约定的模板重新提供"))


def _is_header(row: Sequence[object], mapping: ListMapping) -> bool:
    cells = {_header_key(cell) for cell in row}
    return all(cells.intersection(aliases) for aliases in _who(mapping))


def _who(mapping: ListMapping) -> list[tuple[str, ...]]:
    """What the columns may be called by which a header is known."""
    return [c.aliases for c in mapping.columns if c.field in ("name", "number")]


def _said(rows: list[tuple[int, list[Any]]], mapping: ListMapping) -> list[tuple[int, list[Any]]]:
    """The data rows, with their numbers in the sheet: not wholly blank, and no footer."""
    keys = (map(_header_key, filter(partial(ne, ""), row)) for _line, row in rows)
    firsts = (next(filter(None, some), "") for some in keys)
    return [said for said, first in zip(rows, firsts, strict=True) if first and not first.startswith(mapping.footers)]


def _says_more(row: Sequence[object]) -> bool:
    """Whether anything stands in the row but errors, and what programs write for a formula that they leave."""
    return any(key not in _NOTHING and not is_error(key) for key in map(_header_key, row))


def _sheet_frame(
    rows: list[tuple[int, list[Any]]], found: dict[str, int], mapping: ListMapping, *, since_1904: bool
) -> pl.DataFrame:
    kinds = {c.field: c.kind for c in mapping.columns}
    series = [
        pl.Series("line", [line for line, _row in rows], pl.UInt32),
        pl.repeat(False, len(rows), eager=True).alias("broken"),
    ]
    for field, position in found.items():
        cells = [row[position] if position < len(row) else "" for _line, row in rows]
        types = set(map(type, cells))
        of_1904 = since_1904 and kinds[field].startswith("date")
        texts = cells if types <= {str} and not of_1904 else [cell_text(cell, of_1904=of_1904) for cell in cells]
        series.append(pl.Series(field, texts, pl.String))
        if kinds[field] == "number":
            series.append(
                pl.Series(NUMERIC.format(field), [type(cell) in _NUMERIC_TYPES for cell in cells], pl.Boolean)
            )
    return pl.DataFrame(series)


def _read_records(content: bytes, mapping: ListMapping, part: str) -> RawTable:
    try:
        records = json_of(content)
    except (ValueError, RecursionError) as fault:
        raise _refuse("unreadable", _("记录不是有效的 JSON"), part, _("请联系来源单位")) from fault
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise _refuse("unreadable", _("记录不是约定的列表"), part, _("请联系来源单位"))
    names = sorted({name for record in records for name in record})
    found, unclaimed = _claims(names if records else [c.aliases[0] for c in mapping.columns], mapping, part)
    columns = {f: names[i] for f, i in found.items()} if records else {}
    cells = {f: [_json_text(r.get(name)) for r in records] for f, name in columns.items()}
    frame = pl.DataFrame(
        [pl.Series(f, values, pl.String) for f, values in cells.items()]
        + [
            pl.Series("line", range(1, len(records) + 1), pl.UInt32),
            pl.Series("broken", [False] * len(records)),
        ]
    )
    return RawTable(frame=_with_missing(frame, mapping), unclaimed=unclaimed)


def _json_text(value: Any) -> str | None:  # JSON from outside
    return None if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
