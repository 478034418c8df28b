"""The same bytes on a later date: they give what reading them gives, and are read wherever anything else changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gateway.bootstrap import open_site
from gateway.errors import DeliveryRefused
from gateway.land import Landed
from gateway.mappings import MappingFiles
from gateway.model.deliveries import LandedFile, Landing, Manifest, Mode, PartPromise
from gateway.model.mapping import ListMapping
from gateway.pipeline import reading
from gateway.pipeline.bring import Brought, bring
from gateway.pipeline.reading import Read, read_parts
from gateway.site import Site
from gateway.store import deliveries
from gateway.store.deliveries import DeliveryRow
from gateway.testing.site import new_site, write_site
from gateway.vault.sm import sm3_hex
from tests.normalise.lists import HOLDER, civil_csv, number, rural_rows, workbook

CIVIL, RURAL, FEDERATION = "civil_affairs", "rural_revitalization", "disabled_federation"
DAY, LATER = date(2026, 11, 5), date(2026, 11, 9)
MAPPINGS = MappingFiles()
#: An address where nobody listens: what is read lies in the test.
NOBODY: dict[str, dict[str, Any]] = {
    CIVIL: {"host": "127.0.0.1", "port": 1, "user": "u", "host_key": "", "password": "p", "zip_password": "p"},
    "insurance_platform": {
        "base": "http://127.0.0.1:1", "sm4_key": "00" * 16, "public_key": "00" * 64, "org_code": "H45100000001",
    },
}  # fmt: skip
HOLDERS: list[dict[str, object]] = [
    {"grade": "3", "updated_at": None}, {"status": "2", "updated_at": None}, {"status": "2"}, {},
]  # fmt: skip
#: Files of which some rows end on the business date or the day before, and others do not.
FILES: dict[str, list[bytes]] = {
    CIVIL: [
        civil_csv([{"变动类型": "停发"}, {"变动类型": "停发", "停止日期": "2026-10-01"}]).encode("gb18030"),
        civil_csv([{"变动类型": "新增", "别的列": "甲"}]).encode("gb18030"),
    ],
    RURAL: [
        workbook(rural_rows({"风险是否消除": "是"}, {})),
        workbook(rural_rows({"风险是否消除": "是", "风险消除时间": "202610"})),
    ],
    FEDERATION: [json.dumps([{**HOLDER, "cert_no": number() + "42", **row} for row in HOLDERS]).encode()],
}


class OpenedError(Exception):
    """A part was opened."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file of a landing. One that is closed must not be opened."""

    content: bytes
    closed: bool = False

    def __call__(self) -> bytes:
        """The file's bytes."""
        if self.closed:
            raise OpenedError
        return self.content


def landed(
    plugin: str,
    day: date,
    *,
    closed: bool = False,
    promised: int | None = None,
    county: str = "45102",
    ending: str = "",
) -> Landed:
    """The plugin's files as they come on that day, under names of the day, each for a county of its own."""
    files = {
        f"{day:%Y%m%d}_{at}{ending}": Part(content=content, closed=closed) for at, content in enumerate(FILES[plugin])
    }
    parts = tuple(PartPromise(name=n, scope=f"{county}{at}", rows=promised) for at, n in enumerate(files))
    manifest = Manifest(name=f"{day}", mode=Mode.DELTA, business_date=day, parts=parts)
    kept = tuple(
        LandedFile(name=n, sealed=f"{day}{n}", digest=sm3_hex(f.content), size=len(f.content)) for n, f in files.items()
    )
    landing = Landing(instance=plugin, plugin=plugin, manifest=manifest, files=kept, content_digest=f"{day}")
    return Landed(landing=landing, parts=files)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site without any delivery."""
    new_site(tmp_path / "site")
    write_site(tmp_path / "site", NOBODY)
    opened = open_site(tmp_path / "site")
    yield opened
    opened.ledger.close()


def kept(site: Site, came: Landed, read: Read) -> DeliveryRow:
    """The delivery written down, as the next one finds it."""
    file, rows = site.write_frame(read.entries), read.entries.height
    with site.ledger.begin() as tx:
        deliveries.add(
            tx, came.landing, manifest_digest="", entries_file=file, rows=rows, scopes=("",), read=read.parts
        )
        row = deliveries.newest_read(tx, came.landing.instance, Mode.DELTA)
    assert row is not None
    return row


def first(site: Site, plugin: str, mapping: ListMapping | None = None) -> DeliveryRow:
    """The first day's delivery, read and written down."""
    came = landed(plugin, DAY)
    return kept(site, came, read_parts(site, came, mapping or MAPPINGS.list_mapping(plugin), None))


def assert_same(expected: Read, actual: Read) -> None:
    """All that is written down of the two is equal."""
    assert_frame_equal(expected.entries, actual.entries)
    assert (expected.findings, expected.parts) == (actual.findings, actual.parts)


@pytest.mark.parametrize("plugin", FILES)
def test_the_same_bytes_are_not_opened_and_say_the_same(site: Site, plugin: str) -> None:
    """Files that come again on a later date give, unopened, each cell and remark that reading them anew gives."""
    mapping, earlier = MAPPINGS.list_mapping(plugin), first(site, plugin)
    anew = read_parts(site, landed(plugin, LATER), mapping, None)
    assert_same(anew, read_parts(site, landed(plugin, LATER, closed=True), mapping, earlier))
    assert anew.entries.filter("last_inferred")["last"].min() > DAY  # type: ignore[operator]  # dates


def test_the_same_bytes_may_speak_for_another_county(site: Site) -> None:
    """What is taken over speaks for what the later delivery says, and no longer for what the earlier one said."""
    mapping, earlier = MAPPINGS.list_mapping(RURAL), first(site, RURAL)
    anew = read_parts(site, landed(RURAL, LATER, county="45103"), mapping, None)
    assert_same(anew, read_parts(site, landed(RURAL, LATER, county="45103", closed=True), mapping, earlier))


def test_a_name_that_says_gzip_is_believed_of_the_same_bytes_too(site: Site) -> None:
    """A file that calls itself packed and is not cannot be used, though it could be under another name."""
    earlier = first(site, FEDERATION)
    with pytest.raises(DeliveryRefused) as caught:
        read_parts(site, landed(FEDERATION, LATER, ending=".gz"), MAPPINGS.list_mapping(FEDERATION), earlier)
    assert "bad_archive" == caught.value.code


def test_what_was_taken_over_is_taken_over_again(site: Site) -> None:
    """Ends that were moved once are moved by the days since then."""
    mapping, next_day = MAPPINGS.list_mapping(RURAL), date(2026, 11, 12)
    came = landed(RURAL, LATER, closed=True)
    row = kept(site, came, read_parts(site, came, mapping, first(site, RURAL)))
    anew = read_parts(site, landed(RURAL, next_day), mapping, None)
    assert_same(anew, read_parts(site, landed(RURAL, next_day, closed=True), mapping, row))


def test_one_changed_file_is_read_and_the_others_are_not(site: Site) -> None:
    """Of a delivery in which one file differs, that one is opened."""
    mapping, earlier = MAPPINGS.list_mapping(RURAL), first(site, RURAL)
    came = landed(RURAL, LATER, closed=True)
    name = next(iter(came.parts))
    changed = Part(content=workbook(rural_rows({"姓名": "黄某贵"}, {"风险是否消除": "是"}, {})))
    files = [replace(f, digest=sm3_hex(changed.content)) if f.name == name else f for f in came.landing.files]
    mixed = replace(came, landing=replace(came.landing, files=tuple(files)), parts={**came.parts, name: changed})
    read = read_parts(site, mixed, mapping, earlier)
    assert [3, 1] == [part.rows for part in read.parts]
    assert [1, 2, 3, 4] == read.entries["row"].to_list()
    assert "黄某贵" == read.entries["raw_name"][0]


def test_another_mapping_reads_anew(site: Site) -> None:
    """Where the mapping says one word otherwise, nothing is taken over."""
    mapping, earlier = MAPPINGS.list_mapping(RURAL), first(site, RURAL)
    other = replace(mapping, derive=(*mapping.derive, ("level", "'C'")))
    with pytest.raises(OpenedError):
        read_parts(site, landed(RURAL, LATER, closed=True), other, earlier)
    assert {"C"} == set(read_parts(site, landed(RURAL, LATER), other, earlier).entries["level"])


def test_other_rules_read_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a package that reads lists has another version, nothing is taken over."""
    earlier = first(site, RURAL)
    monkeypatch.setattr(metadata, "version", lambda _name: "0.0.0")
    reading.rules.cache_clear()
    try:
        with pytest.raises(OpenedError):
            read_parts(site, landed(RURAL, LATER, closed=True), MAPPINGS.list_mapping(RURAL), earlier)
    finally:
        reading.rules.cache_clear()


@pytest.mark.parametrize("room", ["normalise", "model"])
def test_what_reads_lists_is_part_of_the_rules(room: str) -> None:
    """Whoever mends a module that reads or cleans lists has all of them read anew."""
    code, *_more = json.loads(reading.rules())
    files = [*Path(reading.__file__).parents[1].joinpath(room).glob("*.py")]
    assert files
    assert {(path.name, sm3_hex(path.read_bytes())) for path in files} <= {(name, digest) for name, digest in code}


@pytest.mark.parametrize("rule", ["business_date", "part", "scope"])
def test_what_a_mapping_looks_at_is_what_must_be_the_same(site: Site, rule: str) -> None:
    """A mapping that promises nothing of the business date, or looks at a file's name or scope, reads another anew."""
    mapping = replace(MAPPINGS.list_mapping(RURAL), inferred_ends=rule != "business_date")
    looking = replace(mapping, derive=(*mapping.derive, ("level", f"CAST({rule} AS VARCHAR)")))
    earlier = first(site, RURAL, looking)
    read_parts(site, landed(RURAL, DAY, closed=True), looking, earlier)
    other = landed(RURAL, LATER if rule != "scope" else DAY, closed=True, county="4510" if rule == "scope" else "45102")
    with pytest.raises(OpenedError):
        read_parts(site, other, looking, earlier)


@pytest.mark.parametrize("rule", ["CAST(business_date AS VARCHAR)", "CAST(last AS VARCHAR)"])
def test_a_business_date_that_is_more_than_an_end_reads_anew(site: Site, rule: str) -> None:
    """Where another field than the end follows from the business date, by itself or through the end, the same bytes on
    another date are read: moving the ends would leave that field as it was."""
    mapping = MAPPINGS.list_mapping(RURAL)
    assert mapping.inferred_ends
    looking = replace(mapping, derive=(*mapping.derive, ("level", rule)))
    earlier = first(site, RURAL, looking)
    read_parts(site, landed(RURAL, DAY, closed=True), looking, earlier)
    with pytest.raises(OpenedError):
        read_parts(site, landed(RURAL, LATER, closed=True), looking, earlier)
    anew = read_parts(site, landed(RURAL, LATER), looking, None)
    assert_frame_equal(anew.entries, read_parts(site, landed(RURAL, LATER), looking, earlier).entries)


def test_a_promise_is_held_against_what_is_taken_over(site: Site) -> None:
    """Another number of rows is promised than the same bytes had: the delivery is refused as if it had been read."""
    with pytest.raises(DeliveryRefused) as caught:
        read_parts(
            site,
            landed(FEDERATION, LATER, closed=True, promised=5),
            MAPPINGS.list_mapping(FEDERATION),
            first(site, FEDERATION),
        )
    assert "rows_differ" == caught.value.code


def test_damaged_entries_are_read_anew(site: Site) -> None:
    """Where the earlier entries do not open, the files are read, since they are there."""
    mapping, earlier = MAPPINGS.list_mapping(RURAL), first(site, RURAL)
    assert earlier.entries_file is not None
    (site.frames / earlier.entries_file).write_bytes(b"")
    anew = read_parts(site, landed(RURAL, LATER), mapping, None)
    assert_same(anew, read_parts(site, landed(RURAL, LATER), mapping, earlier))


def test_a_list_of_a_later_date_is_another_delivery(site: Site, tmp_path: Path) -> None:
    """The same file, brought for two dates, is taken twice, each with all its rows; for one date, once."""
    file = tmp_path / "list.csv"
    file.write_bytes(civil_csv([{}, {"姓名": "覃某丽"}]).encode("gb18030"))
    taken = []
    for day in (DAY, LATER, LATER):
        said = Brought(file=file, mode=Mode.FULL, business_date=day, scope="", sequence=None)
        taken.append(bring(site, site.settings.sources[CIVIL], said, day).taken)
    assert [["list"], ["list"], []] == taken
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx)
    frames = [site.read_frame(str(row.entries_file)) for row in rows]
    assert [(DAY, 2), (LATER, 2)] == [(row.business_date, row.rows) for row in rows]
    assert_frame_equal(frames[0], frames[1])
    assert ["韦某山", "覃某丽"] == pl.Series(frames[1]["raw_name"]).to_list()
