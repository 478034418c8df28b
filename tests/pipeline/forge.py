"""Deliveries of civil affairs and rural revitalization, made by hand: right by default, wrong on request."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyzipper
import xlsxwriter

from gateway.testing.city import MZ_PASSWORD
from gateway.vault.sm import sm3_hex

#: The column of the person's number.
NUMBER = "身份证号码"
DAY = date(2026, 11, 1)
Json = dict[str, Any]  # a manifest


@dataclass(frozen=True, kw_only=True)
class Civil:
    """A delivery of civil affairs before it is put in place."""

    stem: str
    archive: bytes
    manifest: Json

    def put(self, outbox: Path, *, raw: bytes | None = None, ok: bool = True, archive: bool = True) -> str:
        """Writes its three files, `.ok` last; `raw` instead of the manifest. Its name."""
        if archive:
            (outbox / f"{self.stem}.zip").write_bytes(self.archive)
        text = json.dumps(self.manifest, ensure_ascii=False).encode() if raw is None else raw
        (outbox / f"{self.stem}.json").write_bytes(text)
        if ok:
            (outbox / f"{self.stem}.ok").touch()
        return self.stem


def civil(
    sequence: int,
    content: bytes,
    /,
    *,
    day: date = DAY,
    mode: str = "F",
    archive: bytes | None = None,
    members: Mapping[str, bytes] | None = None,
    password: str = MZ_PASSWORD,
    **manifest: Any,  # JSON
) -> Civil:
    """A delivery with one CSV. `members`: what is in the archive instead; `manifest`: items that say otherwise."""
    stem = f"MZ_451000_{day:%Y%m%d}_{mode}_{sequence:04d}"
    name = f"{stem}.csv"
    packed = zipped(members or {name: content}, password) if archive is None else archive
    told: Json = {
        "batch_no": stem,
        "department": "451000-MZ",
        "mode": mode,
        "business_date": day.isoformat(),
        "sequence": sequence,
        "previous": sequence - 1,
        "files": [{"name": name, "rows": rows_of(content), "sm3": sm3_hex(content)}],
        "archive_sm3": sm3_hex(packed),
    }
    return Civil(stem=stem, archive=packed, manifest={**told, **manifest})


def rows_of(content: bytes) -> int:
    """Data rows of a CSV whose cells hold no line breaks."""
    return max(len(content.splitlines()) - 1, 0)


def zipped(
    members: Mapping[str, bytes],
    password: str = MZ_PASSWORD,
    *,
    method: int = zipfile.ZIP_DEFLATED,
    claims: int | None = None,
) -> bytes:
    """An AES archive; `claims`: bytes that its directory says each member has."""
    memory = io.BytesIO()
    with pyzipper.AESZipFile(memory, "w", compression=method, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        for name, content in members.items():
            archive.writestr(name, content)
        if claims is not None:
            for info in archive.filelist:
                info.file_size = claims
    return memory.getvalue()


def plain_csv(delivery: Path) -> bytes:
    """The CSV of a generated delivery's archive, all its files as one, columns as in the first."""
    with pyzipper.AESZipFile(delivery) as archive:
        archive.setpassword(MZ_PASSWORD.encode())
        tables = [table(archive.read(name)) for name in archive.namelist()]
    return csv_of(pl.concat([one.select(tables[0].columns) for one in tables]))


def table(content: bytes) -> pl.DataFrame:
    """A CSV of civil affairs as text columns."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    frame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, truncate_ragged_lines=True)
    return frame.rename(lambda name: name.replace(" ", ""))


def csv_of(frame: pl.DataFrame) -> bytes:
    """A frame as civil affairs writes it."""
    return frame.write_csv(line_terminator="\r\n").encode("gb18030")


def workbook(sheet: str, header: list[str]) -> bytes:
    """A workbook with one sheet that has a title and a header, and no row."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        page.write_string(0, 0, "防返贫监测对象信息表")
        page.write_row(1, 0, header)
    return memory.getvalue()


def sums(folder: Path) -> None:
    """SHA256SUMS over the folder's workbooks, as they are now."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.glob("*.xlsx"))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def without(content: bytes, at: int) -> bytes:
    """The list without that row."""
    rows = table(content)
    return csv_of(pl.concat([rows.slice(0, at), rows.slice(at + 1)]))
