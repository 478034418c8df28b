"""Lists that came on a stick."""

import json
from datetime import date
from pathlib import Path

import pytest

from gateway.acts import holds, look, runs
from gateway.acts.lists import import_list, would_import
from gateway.errors import DeliveryRefused, NotAllowed, NotFound
from gateway.model.deliveries import Mode
from gateway.pipeline.bring import Brought
from tests.acts.acceptance.test_preview import dump
from tests.acts.lived import Lived, copy, opened
from tests.ledgers import ask

DAY = date(2026, 11, 3)
FULL = "MZ_451000_20261101_F_0001"
DELTA = "MZ_451000_20261102_D_0002"


def archive(lived: Lived, name: str) -> Path:
    """A civil affairs archive as the department made it."""
    return next(lived.city.glob(f"day*/mz/outbox/{name}.zip"))


def brought(
    file: Path, mode: Mode = Mode.FULL, day: date = DAY, scope: str = "", sequence: int | None = None
) -> Brought:
    return Brought(file=file, mode=mode, business_date=day, scope=scope, sequence=sequence)


def test_a_list_on_a_stick_comes_to_what_it_comes_to_by_wire(lived: Lived, tmp_path: Path) -> None:
    """The department's archive, imported by hand, gives the same outcomes as when it was fetched; once only."""
    root = copy(lived.fresh, tmp_path)
    first = brought(archive(lived, FULL), day=date(2026, 11, 1), sequence=1)
    with opened(root) as site:
        intake, report = import_list(site, "civil_affairs", first, actor="clerk", day=DAY)
        assert report is not None
        again, none = import_list(site, "civil_affairs", first, actor="clerk", day=DAY)
        (delivery,) = look.received(site, actor="clerk")
    with opened(lived.site) as site:
        fetched = next(d for d in look.received(site, every=True, actor="clerk") if d.name == FULL)
    assert ([FULL], []) == (intake.taken, intake.refused)
    assert (fetched.rows, dict(fetched.outcomes)) == (delivery.rows, dict(delivery.outcomes))
    assert ([], [], None) == (again.taken, again.refused, none)
    assert [("clerk", "list.import")] * 2 == ask(root, "SELECT actor, act FROM acts WHERE act = 'list.import'")
    assert [] == [p for p in (root / "var" / "incoming").rglob("*") if p.is_file()]


def test_a_dry_import_shows_and_leaves_nothing(lived: Lived, tmp_path: Path) -> None:
    """What importing the department's archive would change is what importing it changes; nothing is taken in, and a
    list that would be refused is refused without being kept."""
    root = copy(lived.fresh, tmp_path)
    first = brought(archive(lived, FULL), day=date(2026, 11, 1), sequence=1)
    (tmp_path / "none.csv").write_text("甲,乙\n1,2\n", "utf-8")
    with opened(root) as site:  # its message numbers are nobody else's
        report = runs.run(site, ["tax"], DAY, actor="clerk")  # brings the roster
        assert report is not None
        assert [] == report.faults
        before = dump(root)
        looked = would_import(site, "civil_affairs", first, actor="clerk", day=DAY)
        with pytest.raises(DeliveryRefused) as refused:
            would_import(site, "civil_affairs", brought(tmp_path / "none.csv"), actor="clerk", day=DAY)
        assert before == dump(root)
        assert looked is not None
        import_list(site, "civil_affairs", first, actor="clerk", day=DAY)
        assert would_import(site, "civil_affairs", first, actor="clerk", day=DAY) is None
    assert ("missing_column", {"applied": 1}) == (refused.value.code, looked.seen.deliveries)
    believed = ask(root, "SELECT count(*) FROM recognitions WHERE instance = 'civil_affairs'")[0][0]
    assert believed == sum(added for *_what, added, _ended in looked.seen.recognitions) > 50
    (said,) = ask(root, "SELECT detail FROM acts WHERE act = 'preview'")
    assert {"instance", "content", "digest", "moves", "holds"} == json.loads(said[0]).keys()


def test_a_delta_by_hand_takes_its_place_in_the_sequence(lived: Lived, tmp_path: Path) -> None:
    """A delta that is imported with its number is applied after its predecessor, not left to wait."""
    root = copy(lived.fresh, tmp_path)
    with opened(root) as site:
        full = brought(archive(lived, FULL), day=date(2026, 11, 1), sequence=1)
        import_list(site, "civil_affairs", full, actor="clerk", day=DAY)
        delta = brought(archive(lived, DELTA), Mode.DELTA, date(2026, 11, 2), sequence=2)
        import_list(site, "civil_affairs", delta, actor="clerk", day=DAY)
        states = [d.state for d in look.received(site, actor="clerk")]
    assert ["applied", "applied"] == states


def test_a_file_that_is_no_list_is_refused_and_kept(lived: Lived, tmp_path: Path) -> None:
    """What cannot be used is refused like any delivery: visible, with what to do, its original kept."""
    root = copy(lived.site, tmp_path)
    file = tmp_path / "名单.csv"
    file.write_text("甲,乙\n1,2\n", "utf-8")
    with opened(root) as site:
        intake, report = import_list(site, "civil_affairs", brought(file), actor="clerk", day=DAY)
        refused = look.received(site, state="refused", actor="clerk")
    assert ([], ["list"], None) == (intake.taken, intake.refused, report)
    assert ["missing_column"] == [d.code for d in refused]
    assert "" not in (refused[0].reason, refused[0].advice)
    ((landing,),) = ask(root, "SELECT landing FROM deliveries WHERE state = 'refused'")
    assert (root / "var" / "archive" / json.loads(landing)["files"][0]["sealed"]).is_file()


def test_slips_of_the_hand_are_refused(lived: Lived, tmp_path: Path) -> None:
    """What earlier deliveries show to be a slip is refused before anything is taken in."""
    root = copy(lived.site, tmp_path)
    file = archive(lived, DELTA)
    with opened(root) as site:
        known = len(look.received(site, every=True, actor="clerk"))
        for instance, said in (
            ("civil_affairs", brought(file, Mode.DELTA)),
            ("civil_affairs", brought(file, scope="451002")),
            ("civil_affairs", brought(file, day=date(2026, 11, 4))),
            ("civil_affairs", brought(tmp_path / "missing.csv")),
            ("rural_revitalization", brought(next(lived.city.rglob("*.xlsx")))),
            ("rural_revitalization", brought(file, scope="451002")),
        ):
            with pytest.raises(NotAllowed):
                import_list(site, instance, said, actor="clerk", day=DAY)
        with pytest.raises(NotFound):
            import_list(site, "nobody", brought(file), actor="clerk", day=DAY)
        assert known == len(look.received(site, every=True, actor="clerk"))
    assert [] == ask(root, "SELECT act FROM acts WHERE act = 'list.import'")


def test_a_county_s_workbook_speaks_for_its_county(lived: Lived, tmp_path: Path) -> None:
    """An imported workbook is kept under its county, so that it ends nobody's identity elsewhere."""
    root = copy(lived.site, tmp_path)
    file = next(lived.city.glob("day2/xczx/outbox/*/*.xlsx"))
    county = file.name.split("_")[1]
    before = ask(root, "SELECT count(*) FROM departures WHERE scope <> ?", county)
    with opened(root) as site:
        import_list(site, "rural_revitalization", brought(file, scope=county), actor="clerk", day=DAY)
        newest = look.received(site, instance="rural_revitalization", actor="clerk")[-1]
    assert ("applied", file.stem) == (newest.state, newest.name)
    assert before == ask(root, "SELECT count(*) FROM departures WHERE scope <> ?", county)


@pytest.mark.parametrize("other", ["451002", "999999"])
def test_a_workbook_under_another_county_is_held(lived: Lived, tmp_path: Path, other: str) -> None:
    """Whose list it is, its rows say: imported under another county, however few people that has, it ends nobody."""
    root = copy(lived.site, tmp_path)
    file = next(path for path in lived.city.glob("day2/xczx/outbox/*/*.xlsx") if other not in path.name)
    before = ask(root, "SELECT count(*) FROM departures")
    with opened(root) as site:
        import_list(site, "rural_revitalization", brought(file, scope=other), actor="clerk", day=DAY)
        newest = look.received(site, instance="rural_revitalization", actor="clerk")[-1]
    assert ("held", "wrong_county", file.stem) == (newest.state, newest.code, newest.name)
    assert before == ask(root, "SELECT count(*) FROM departures")


def test_codes_that_a_county_had_before_are_its_own(lived: Lived, tmp_path: Path) -> None:
    """Where a person has said that a county's list has other codes than the county, such as withdrawn ones, the next is
    not held for them again."""
    root = copy(lived.site, tmp_path)
    file = next(lived.city.glob("day2/xczx/outbox/*/*.xlsx"))
    with opened(root) as site:
        import_list(site, "rural_revitalization", brought(file, scope="999999"), actor="clerk", day=DAY)
        (hold,) = [one for one in holds.held(site, actor="clerk") if one.kind == "wrong_county"]
        digest = holds.shown(site, hold.id, actor="colleague").digest
        holds.release(site, hold.id, digest=digest, actor="colleague", note="旧区划代码", day=DAY)
        following = brought(file, day=DAY, scope="999999")
        import_list(site, "rural_revitalization", following, actor="clerk", day=DAY)
        newest = look.received(site, instance="rural_revitalization", actor="clerk")[-1]
    assert ("applied", "") == (newest.state, newest.code)
