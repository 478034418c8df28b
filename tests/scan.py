"""Whether anybody of an invented city can be read in a file, in whatever form somebody could be written there.

Takes a city's folder and files; gives for each file how many of the city's names and numbers stand in its bytes.
"""

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

import polars as pl
from pypinyin import lazy_pinyin

from tests.acceptance.town import csv_rows, sheet, zipped
from tests.house import tree
from tests.postgresql import Postgresql

NAMES, NUMBERS = (
    {"psn_name", "姓名", "户主姓名", "name"},
    {"psn_no", "certno", "身份证号码", "证件号码", "户主身份证号", "cert_no"},
)
HAN = re.compile(r"[㐀-鿿·]+")
#: Characters of a name from which on it is looked for in every encoding: of two, four bytes of GB18030 or UTF-16 come
#: by chance in every few megabytes of sealed bytes.
LONG_NAME = 3
#: Digits of a number: of an old one, and of a new one without its check digit.
OLD, BARE = 15, 17
#: Bytes that are looked through at once.
BATCH = 64 << 20
#: Full-width digits, as a department's typist may leave them on.
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def people_of(city: Path) -> set[str]:
    """Every name and every number that the city says anywhere, as it is written there; names that our own texts have as
    words are left out."""
    found, ours = set(), _our_words()
    for column, cell in said(city):
        text = cell.strip()
        if (column in NAMES and len(text) > 1 and HAN.fullmatch(text) and text not in ours) or (
            column in NUMBERS and len(re.sub(r"\D", "", text)) >= OLD
        ):
            found.add(text)
    return found


@cache
def _our_words() -> str:
    return "\n".join(path.read_text("utf-8") for path in tree.files() if path.suffix in (".py", ".toml", ".md"))


def said(city: Path) -> Iterator[tuple[str, str]]:
    """(column, cell) of the roster, of the payments, and of every list of the city."""
    for name in ("roster", "payments"):
        data = gzip.decompress((city / "platform_and_tax" / f"{name}.csv.gz").read_bytes())
        for line in csv.DictReader(io.StringIO(data.decode("utf-8-sig"))):
            yield from line.items()
    for path in city.glob("day*/mz/outbox/*.zip"):
        for _name, content in zipped(path):
            yield from _cells(_any_rows(content))
    for path in city.glob("day*/xczx/outbox/*/*.xlsx"):
        yield from _cells(sheet(path, "监测对象信息"))
    for path in city.glob("day*/holders.json"):
        for holder in json.loads(path.read_text("utf-8"))["holders"]:
            yield from (("name", holder["name"]), ("cert_no", holder["cert_no"]))


def _any_rows(content: bytes) -> list[list[str]]:
    if content.startswith(b"\xef\xbb\xbf"):
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    return csv_rows(content)


def _cells(rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    """(column, cell) below the header row."""
    top = next(at for at, row in enumerate(rows) if "姓名" in {cell.replace(" ", "") for cell in row})
    header = [cell.replace(" ", "") for cell in rows[top]]
    for row in rows[top + 1 :]:
        yield from zip(header, row, strict=False)


def forms(text: str) -> Iterator[bytes]:
    """The bytes in which somebody's name or number can stand in a file."""
    digits = re.sub(r"\D", "", text)
    if len(digits) < OLD:
        yield from _of_name(text)
        return
    numbers = {digits[:BARE], digits} if len(digits) <= BARE + 1 else {digits}
    if len(digits) in (BARE, BARE + 1):
        numbers.add(digits[:6] + digits[8:BARE])  # as numbers were until 1999
        numbers.discard(digits)  # it begins with the one without a check digit
    for number in numbers:
        for written in (number, number.translate(_WIDE)):
            yield from _encoded(written)


def _of_name(name: str) -> Iterator[bytes]:
    if len(name) >= LONG_NAME:
        yield from _encoded(name)
        yield "".join(lazy_pinyin(name)).encode()
        return
    plain = name.encode()
    yield from (plain, _escaped(name), plain.hex().encode(), plain.hex().upper().encode())


def _encoded(text: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        plain = text.encode(encoding)
        yield from (plain, plain.hex().encode(), plain.hex().upper().encode())
        yield from _base64(plain)
    if not text.isascii():
        yield from (_escaped(text), _escaped(text).upper().replace(b"\\U", b"\\u"))


def _escaped(text: str) -> bytes:
    """As JSON has it in ASCII."""
    return json.dumps(text)[1:-1].encode()


def _base64(plain: bytes) -> Iterator[bytes]:
    """What base64 makes of the bytes wherever they begin, without the characters that depend on what is beside them."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + plain)
        whole = coded[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]
        yield from {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}


def leaks(wanted: Collection[str], files: Iterable[Path]) -> dict[str, int]:
    """File → how many of the texts stand in its bytes, in any form."""
    # One character a byte, so that all texts are looked for in one pass over bytes of any kind.
    text_of = {form.decode("latin-1"): text for text in wanted for form in forms(text)}
    patterns, found = sorted(text_of), dict[str, int]()
    for paths in _batches(files):
        contents = pl.Series([path.read_bytes().decode("latin-1") for path in paths], dtype=pl.String)
        hits = contents.str.extract_many(patterns, overlapping=True).to_list()
        found |= {str(path): len({text_of[form] for form in hit}) for path, hit in zip(paths, hits, strict=True) if hit}
    return found


def _batches(files: Iterable[Path]) -> Iterator[list[Path]]:
    batch, size = list[Path](), 0
    for path in files:
        size += path.stat().st_size
        batch.append(path)
        if size > BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def files_of(folder: Path) -> list[Path]:
    """Every file below it that has bytes."""
    return [
        path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink() and path.stat().st_size
    ]


def written_out(server: Postgresql, name: str, out: Path) -> None:
    """Every row of a PostgreSQL database as text into a file, since its pages hold long values compressed."""
    tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name)
    with out.open("w", encoding="utf-8") as file:
        for (table,) in tables:
            for row in server.execute(f'SELECT t::text FROM "{table}" AS t', name):
                file.write(f"{row[0]}\n")
