"""Receipts in the forms that departments take, and small helpers that plugins share."""

import io
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import polars as pl
import polars.selectors as cs
import pyzipper
import xlsxwriter
from pydantic import SecretStr

from gateway.vault import Sm2PublicKey

#: Characters that make a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
#: How a workbook is written: what is text stays text, and nothing touches the disk.
PLAIN = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
#: China has one time zone, without daylight saving.
CHINA = timezone(timedelta(hours=8))


def now() -> datetime:
    """The time in China, with its zone."""
    return datetime.now(CHINA)


def random_nonce() -> str:
    """A text that is not given twice."""
    return secrets.token_hex(16)


def sm2_public_key(xy_hex: str) -> Sm2PublicKey:
    """A peer's public key from its 128 hex digits. Raises KeyFault."""
    return Sm2PublicKey.from_hex(xy_hex)


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a quote before every text that a spreadsheet would take for a formula; nulls are empty."""
    text = cs.string().fill_null("")
    return frame.with_columns(text).with_columns(
        pl.when(_looks_like_formula(pl.col(name)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(name)
        .alias(name)
        for name in frame.select(cs.string()).columns
    )


def _looks_like_formula(column: pl.Expr) -> pl.Expr:
    return column.str.slice(0, 1).is_in(list(_FORMULA))


def csv_receipt(header: Sequence[str], rows: pl.DataFrame) -> bytes:
    """A receipt as GB18030 CSV with CRLF; cells are harmless. `rows` has the header's columns, in its order."""
    named = harmless(rows).rename(dict(zip(rows.columns, header, strict=True)))
    text = named.write_csv(line_terminator="\r\n")
    return text.encode("gb18030", errors="replace")


def zip_aes(name: str, content: bytes, password: SecretStr) -> bytes:
    """A WinZip-AES-256 archive with one member."""
    memory = io.BytesIO()
    with pyzipper.AESZipFile(
        memory, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(password.get_secret_value().encode())
        archive.writestr(name, content)
    return memory.getvalue()


def sheet_receipt(sheet: str, header: Sequence[str], rows: pl.DataFrame) -> bytes:
    """A receipt as xlsx; texts stay texts, cells are harmless, nothing touches the disk."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, PLAIN) as book:
        page = book.add_worksheet(sheet)
        page.write_row(0, 0, header)
        for at, column in enumerate(harmless(rows).iter_columns()):
            page.write_column(1, at, column.to_list())
    return memory.getvalue()


def json_lines(records: Sequence[object]) -> bytes:
    """Records as one JSON array in a stable form, so that the same content has the same digest."""
    return json.dumps(records, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
