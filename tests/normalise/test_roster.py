"""The roster export: one row per insurance relation becomes one row per person."""

from datetime import date

import pytest

from gateway.errors import PeerBroken
from gateway.normalise import normalise_roster
from gateway.normalise.roster import COLUMNS
from tests.normalise.lists import number

PERSON = {
    "psn_no": "P1",
    "psn_cert_type": "01",
    "certno": "",
    "psn_name": "韦某山",
    "gend": "1",
    "brdy": "1990-03-07",
    "insutype": "390",
    "psn_insu_stas": "1",
    "insu_admdvs": "451022",
    "live_admdvs": "451022101201",
    "surv_stas": "1",
}


def export(*rows: dict[str, str]) -> bytes:
    """The export of these relations; each is what differs from an ordinary one."""
    lines = [",".join(COLUMNS)] + [",".join({**PERSON, "certno": number(), **row}[c] for c in COLUMNS) for row in rows]
    return "\n".join(lines).encode()


def test_relations_of_one_person_are_one_row() -> None:
    """People come in the order of their first relation; the county is an active relation's; one relation covers."""
    people = normalise_roster(
        export(
            {"psn_no": "P2", "psn_insu_stas": "2", "insu_admdvs": "451081"},
            {"psn_no": "P1", "psn_insu_stas": "2"},
            {"psn_no": "P2", "insu_admdvs": "451082"},
            {"psn_no": "P3", "surv_stas": "3", "psn_insu_stas": "4"},
            {"psn_no": "P2", "psn_insu_stas": "3", "insu_admdvs": "451002", "surv_stas": "3"},
        )
    )
    assert [
        ("P2", "451082", True, True),
        ("P1", "451022", False, False),
        ("P3", "451022", True, False),
    ] == people.select("psn_no", "county", "dead", "covered").rows()


def test_names_numbers_and_births_are_brought_into_one_form() -> None:
    """Keys and numbers as lists have them, the original beside them; without a birth date the number tells it."""
    old = number()[:6] + number()[8:17]
    people = normalise_roster(export({"psn_name": "韋 某山", "certno": old}, {"psn_no": "P2", "brdy": ""}))
    assert [("韋 某山", "韦某山", old, number()), ("韦某山", "韦某山", number(), number())] == people.select(
        "name", "name_key", "certno", "number"
    ).rows()
    assert [date(1990, 3, 7)] * 2 == people["birth"].to_list()


def test_an_export_of_nobody_is_empty() -> None:
    """A header alone is a roster of nobody."""
    assert 0 == normalise_roster(export()).height


def test_another_shape_is_the_platforms_fault() -> None:
    """An export without one of the columns is refused."""
    with pytest.raises(PeerBroken):
        normalise_roster(export({}).replace(b"surv_stas", b"state"))
