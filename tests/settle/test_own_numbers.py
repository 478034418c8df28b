"""Whom a row in doubt holds back by the source's own number of a person."""

from tests.settle.said import D1, day, doubt, folded, periods, row, said

D2 = day("2026-11-02")


def test_the_sources_own_number_holds_back() -> None:
    """A row with neither number nor name holds back whom its 人编号 or cert_no meant before, and nobody else."""
    first = said(1, D1, row(1, source_id="450001"), row(2), row(3, source_id="450003"), full=True)
    second = said(2, D2, full=True, doubts=[doubt(source_id="450001"), doubt(source_id=None)])
    assert [(1, None), (2, D1), (3, D1)] == [(p[0], p[4]) for p in periods(folded(first, second))]


def test_everybody_whom_a_number_ever_meant_waits() -> None:
    """Two rows that were sure carry one number, in one list or in two: an unresolved row with it may be either's, and
    where a person rules one of them out, the other's."""
    one, two, other = row(1, source_id="450001"), row(2, source_id="450001"), row(3)
    second = said(2, D2, full=True, doubts=[doubt(source_id="450001")])
    for rows in ([one, two, other], [two, one, other]):
        found = folded(said(1, D1, *rows, full=True), second)
        assert [(1, None), (2, None), (3, D1)] == [(p[0], p[4]) for p in periods(found)]
    apart = said(1, D1, one, row(2), other, full=True), said(2, D1, two)
    third = said(3, D2, full=True, doubts=[doubt(source_id="450001", ruled_out=[2])])
    assert [(1, None), (2, D1), (3, D1)] == [(p[0], p[4]) for p in periods(folded(*apart, third))]


def test_whom_a_person_has_ruled_out_a_number_holds_back_no_longer() -> None:
    """A row whose 人编号 meant somebody before, and of which a person has decided that it does not, holds them back no
    more; another whom that number meant it would, and so would another row with it, however often they decided."""
    first = said(1, D1, row(1, source_id="450001"), row(2, source_id="450002"), full=True)
    doubts = [doubt(source_id="450001", ruled_out=[1]), doubt(source_id="450002", ruled_out=[1])]
    second = said(2, D2, full=True, doubts=doubts)
    assert [(1, D1), (2, None)] == [(p[0], p[4]) for p in periods(folded(first, second))]
    doubts = [doubt(source_id="450001", ruled_out=[1, 1]), doubt(source_id="450001")]
    assert [(1, None), (2, D1)] == [
        (p[0], p[4]) for p in periods(folded(first, said(2, D2, full=True, doubts=doubts)))
    ]
