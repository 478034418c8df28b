"""Deliveries of civil affairs that must not be used: refused, visible, kept, and the good one beside them goes on."""

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gateway.errors import ExitCode
from gateway.pipeline import RunReport
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import Civil, Json, civil, csv_of, rows_of, table, zipped
from tests.pipeline.rig import Records, Rig, open_rig

BIG = 14 << 20
#: Days from this on, so that no bad delivery could stand in for the good one of the first.
LATER = date(2026, 11, 2)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A delivery that must be refused."""

    code: str
    #: Words of the message.
    says: str
    make: Callable[[int, bytes], Civil]
    #: How it is put in place.
    put: Callable[[Civil, Path], str] = lambda delivery, outbox: delivery.put(outbox)
    #: Bytes of the original are kept.
    kept: bool = True


def _csv_without(column: str) -> Callable[[int, bytes], Civil]:
    return lambda n, csv: civil(n, csv_of(table(csv).drop(column)), day=LATER)


def _told(**items: Any) -> Callable[[int, bytes], Civil]:
    return lambda n, csv: civil(n, csv, day=LATER, **items)


def _packed(pack: Callable[[str, bytes], bytes]) -> Callable[[int, bytes], Civil]:
    """A delivery whose archive `pack` makes from the CSV's name and bytes; the manifest's digest of it is right."""

    def make(n: int, csv: bytes) -> Civil:
        name = f"MZ_451000_{LATER:%Y%m%d}_F_{n:04d}.csv"
        return civil(n, csv, day=LATER, archive=pack(name, csv))

    return make


def _files(change: Callable[[Json], Json]) -> Callable[[int, bytes], Civil]:
    def make(n: int, csv: bytes) -> Civil:
        whole = civil(n, csv, day=LATER)
        file = change(dict(whole.manifest["files"][0]))
        return Civil(stem=whole.stem, archive=whole.archive, manifest={**whole.manifest, "files": [file]})

    return make


def _one_more(delta: Civil) -> Civil:
    (file,) = delta.manifest["files"]
    return replace(delta, manifest={**delta.manifest, "files": [{**file, "rows": file["rows"] + 1}]})


BAD: Mapping[str, Bad] = {
    "archive_digest": Bad(code="digest_differs", says="摘要与清单不符", make=_told(archive_sm3="0" * 64)),
    "member_digest": Bad(code="digest_differs", says="摘要与清单不符", make=_files(lambda f: {**f, "sm3": "0" * 64})),
    "row_count": Bad(
        code="rows_differ", says="数据行数与清单不符", make=lambda n, csv: _one_more(civil(n, csv, day=LATER, mode="D"))
    ),
    "password": Bad(code="wrong_password", says="口令不对", make=_packed(lambda n, c: zipped({n: c}, "another"))),
    "path_outside": Bad(code="bad_archive", says="越界路径", make=_packed(lambda n, c: zipped({f"../{n}": c}))),
    "absolute_path": Bad(code="bad_archive", says="越界路径", make=_packed(lambda n, c: zipped({f"/{n}": c}))),
    "thousandfold": Bad(code="bomb", says="异常巨大", make=_packed(lambda n, c: zipped({n: bytes(BIG)}))),
    "claims_200_gb": Bad(code="bomb", says="异常巨大", make=_packed(lambda n, c: zipped({n: c}, claims=200 << 30))),
    "claims_too_little": Bad(
        code="digest_differs", says="摘要与清单不符", make=_packed(lambda n, c: zipped({n: bytes(BIG)}, claims=100))
    ),
    "bzip2": Bad(
        code="bad_archive", says="压缩方法", make=_packed(lambda n, c: zipped({n: c}, method=zipfile.ZIP_BZIP2))
    ),
    "no_archive_at_all": Bad(code="bad_archive", says="压缩包损坏", make=_packed(lambda n, c: os.urandom(5000))),
    "cut_archive": Bad(code="bad_archive", says="压缩包损坏", make=_packed(lambda n, c: zipped({n: c})[:-30])),
    "member_nobody_promised": Bad(
        code="bad_archive", says="与清单不符", make=_packed(lambda n, c: zipped({n: c, "more.csv": c}))
    ),
    "missing_column": Bad(code="missing_column", says="缺少必需的列:身份证号码", make=_csv_without("身份证号码")),
    "empty_file": Bad(code="empty_file", says="文件为空", make=lambda n, csv: civil(n, b"", day=LATER)),
    "binary": Bad(
        code="unreadable", says="不是文本表格", make=lambda n, csv: civil(n, bytes(range(256)) * 40, day=LATER)
    ),
    "other_batch": Bad(
        code="bad_manifest", says="与文件名不一致", make=_told(batch_no="MZ_451000_20261102_F_9999"), kept=False
    ),
    "other_sequence": Bad(code="bad_manifest", says="与文件名不一致", make=_told(sequence=77), kept=False),
    "other_day": Bad(code="bad_manifest", says="与文件名不一致", make=_told(business_date="2026-11-09"), kept=False),
    "no_files": Bad(code="bad_manifest", says="清单", make=_told(files=[]), kept=False),
    "files_of_another_kind": Bad(code="bad_manifest", says="清单", make=_told(files={"name": 1}), kept=False),
    "endless_number": Bad(code="bad_manifest", says="清单", make=_told(sequence=float("inf")), kept=False),
    "manifest_garbage": Bad(
        code="bad_manifest",
        says="清单文件的内容",
        make=_told(),
        put=lambda d, o: d.put(o, raw=b"\x00\xff{"),
        kept=False,
    ),
    "manifest_nested": Bad(
        code="bad_manifest",
        says="清单文件的内容",
        make=_told(),
        put=lambda d, o: d.put(o, raw=b"[" * 200_000),
        kept=False,
    ),
    "manifest_fields_missing": Bad(
        code="bad_manifest", says="缺少项目", make=_told(), put=lambda d, o: d.put(o, raw=b'{"mode": "F"}'), kept=False
    ),
    "manifest_too_long": Bad(
        code="bad_manifest", says="缺少项目", make=_told(), put=lambda d, o: d.put(o, raw=b" " * (2 << 20)), kept=False
    ),
    "archive_missing": Bad(
        code="part_missing", says="缺少压缩包", make=_told(), put=lambda d, o: d.put(o, archive=False), kept=False
    ),
}


@dataclass(frozen=True, kw_only=True)
class Visited:
    """A site that was visited while all bad deliveries lay beside a good one."""

    rig: Rig
    report: RunReport
    #: case → name of its delivery
    names: Mapping[str, str]
    #: case → bytes of its archive
    archives: Mapping[str, bytes]


@pytest.fixture(scope="module")
def visited(city: Path, civil_csv: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """One run over all of them."""
    with open_rig(city, tmp_path_factory.mktemp("bad"), "civil_affairs") as rig:
        rig.peers.stage(1)
        made = {case: bad.make(n, civil_csv) for n, (case, bad) in enumerate(BAD.items(), 100)}
        names = {case: BAD[case].put(delivery, rig.outbox) for case, delivery in made.items()}
        report = rig.run()
        yield Visited(
            rig=rig, report=report, names=names, archives={case: delivery.archive for case, delivery in made.items()}
        )


@pytest.mark.parametrize("case", BAD)
def test_a_bad_delivery_is_refused_with_a_reason_and_a_next_step(visited: Visited, case: str) -> None:
    """A delivery that must not be used is in the ledger as refused, with a stable code, a sentence and what to do."""
    row = visited.rig.row(visited.names[case])
    assert ("refused", BAD[case].code) == (row.state, row.code)
    assert BAD[case].says in row.message
    assert row.message.rpartition(" → ")[2]


@pytest.mark.parametrize("case", [case for case, bad in BAD.items() if bad.kept])
def test_its_original_is_kept_sealed(visited: Visited, case: str) -> None:
    """What a refused delivery brought lies sealed in the archive, is named by its row, and opens to the same bytes."""
    name = visited.names[case]
    assert visited.archives[case] == visited.rig.originals(name)[f"{name}.zip"]


def test_the_run_fails_and_names_each(visited: Visited) -> None:
    """A run that refused deliveries exits with 1, and its report names each once."""
    assert ExitCode.FAILED == visited.report.exit_code
    assert sorted(visited.names.values()) == sorted(visited.report.instances["civil_affairs"].refused)


def test_the_good_one_goes_on(visited: Visited, quiet: Callable[..., Records]) -> None:
    """Beside them the good delivery is applied, and the platform holds what it would hold without them."""
    assert "applied" == visited.rig.row("MZ_451000_20261101_F_0001").state
    assert quiet("civil_affairs") == visited.rig.records()


def test_nothing_is_left_in_the_way(visited: Visited) -> None:
    """No partial download is left over from a refused delivery."""
    assert [] == list(visited.rig.site.incoming("civil_affairs").glob("*"))


def test_the_same_refusal_is_no_news(visited: Visited) -> None:
    """A refused delivery that still lies there is looked at again, and is no second fault."""
    before = len(visited.rig.rows())
    report = visited.rig.run()
    assert (ExitCode.DONE, [], before) == (
        report.exit_code,
        report.instances["civil_affairs"].refused,
        len(visited.rig.rows()),
    )


def test_the_same_manifest_with_a_repaired_archive_is_taken(civil_rig: Rig, civil_csv: bytes) -> None:
    """After a refusal, the promised bytes under the very same manifest are the delivery."""
    whole = civil(1, civil_csv)
    Civil(stem=whole.stem, archive=whole.archive[:-30], manifest=whole.manifest).put(civil_rig.outbox)
    assert ExitCode.FAILED == civil_rig.run().exit_code
    assert "digest_differs" == civil_rig.row(whole.stem).code
    whole.put(civil_rig.outbox)
    assert ExitCode.DONE == civil_rig.run().exit_code
    assert ["refused", "applied"] == [row.state for row in civil_rig.rows(whole.stem)]


def test_another_broken_archive_is_another_refusal(civil_rig: Rig, civil_csv: bytes) -> None:
    """A second wrong archive under the same manifest is kept and told as well."""
    whole = civil(1, civil_csv)
    for cut in (30, 40):
        Civil(stem=whole.stem, archive=whole.archive[:-cut], manifest=whole.manifest).put(civil_rig.outbox)
        assert ExitCode.FAILED == civil_rig.run().exit_code
    assert ["refused", "refused"] == [row.state for row in civil_rig.rows(whole.stem)]


def test_without_its_mark_a_delivery_is_not_there(civil_rig: Rig, civil_csv: bytes) -> None:
    """A delivery whose `.ok` has not come is not touched and is no fault; with it, it is taken."""
    delivery = civil(1, civil_csv)
    delivery.put(civil_rig.outbox, ok=False)
    assert (ExitCode.DONE, []) == (civil_rig.run().exit_code, civil_rig.rows())
    delivery.put(civil_rig.outbox)
    assert (ExitCode.DONE, "applied") == (civil_rig.run().exit_code, civil_rig.row(delivery.stem).state)


def test_an_unknown_column_is_reported_and_tolerated(
    civil_rig: Rig, civil_csv: bytes, quiet: Callable[..., Records]
) -> None:
    """A column that nobody claims is named as a finding, and changes nothing else."""
    frame = table(civil_csv)
    delivery = civil(1, csv_of(frame.with_columns(frame["姓名"].alias("联系电话二"))))
    delivery.put(civil_rig.outbox)
    assert ExitCode.DONE == civil_rig.run().exit_code
    assert ("unknown_column", "联系电话二") in [
        (code, detail) for code, detail, _n in civil_rig.findings(delivery.stem)
    ]
    assert quiet("civil_affairs") == civil_rig.records()


def test_an_unknown_category_makes_its_row_invalid(new_rig: NewRig, civil_csv: bytes) -> None:
    """A category that the mapping does not list rejects its rows; the other rows of the list go on."""
    frame = table(civil_csv)
    strange = pl.Series("救助类别", ["未列入的类别"] * 3 + frame["救助类别"].to_list()[3:])
    counts = []
    for content in (civil_csv, csv_of(frame.with_columns(strange))):
        rig = new_rig("civil_affairs")
        delivery = civil(1, content)
        delivery.put(rig.outbox)
        assert ExitCode.DONE == rig.run().exit_code
        counts.append(rig.row(delivery.stem).outcomes)
        assert rows_of(content) == sum(counts[-1].values())
    sound = sum(row for row in counts[0].values()) - counts[0]["invalid"]
    assert sound - 3 <= sum(counts[1].values()) - counts[1]["invalid"] < sound
