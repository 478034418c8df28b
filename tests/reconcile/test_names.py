"""When a name differs in form only."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.reconcile.names import agree, agreeing


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("韦卫", "韦伟"),
        ("韦?", "韦伟"),
        ("?伟", "韦伟"),
        ("韦wei", "韦伟"),
        ("韦weiguo", "韦伟国"),
        ("吕lv", "吕绿"),
        ("吕lü", "吕绿"),
        ("韦伟", "韦?"),
        ("韦e", "韦娥"),
        ("单国", "善国"),
        ("覃\U00020bb7", "覃?"),
        ("吕lu", "吕绿"),
        ("lyu国", "吕国"),
        ("lu国", "吕国"),
    ],
)
def test_forms_agree(sent: str, known: str) -> None:
    """A homophone, or a mark or pinyin in place of a character, is the same name."""
    assert agree(sent, known)


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("韦国", "韦伟"),
        ("韦", "韦伟"),
        ("韦伟国", "韦伟"),
        ("伟韦国", "国伟韦"),
        ("??", "韦伟"),
        ("韦伟", "??"),
        ("韦?", "?伟"),
        ("weiwei", "韦伟"),
        ("wei?", "韦伟"),
        ("韦weii", "韦伟"),
        ("韦abc", "韦伟"),
        ("", "韦伟"),
        ("韦伟", ""),
        ("johnsmith", "johnsmyth"),
        ("韦1", "韦2"),
        ("维卫", "韦伟"),
        ("章卫", "张伟"),
        ("维?", "韦伟"),
        ("卢国", "吕国"),
    ],
)
def test_others_do_not(sent: str, known: str) -> None:
    """Another sound, another length, or nothing but homophones, marks and pinyin, is no agreement."""
    assert not agree(sent, known)


@given(st.text("韦伟卫国?aweil", max_size=12), st.text("韦伟卫国?娥", max_size=8))
def test_a_sure_character_is_needed(sent: str, known: str) -> None:
    """No two names agree of which no character was written the same on both sides."""
    marks = set("?abcdefghijklmnopqrstuvwxyz")
    if not (set(sent) & set(known)) - marks:
        assert not agree(sent, known)
    else:
        assert agree(known, known) or set(known) & marks


_NAMES = st.none() | st.text("韦伟卫国?aweilüA娥\U00020bb7", max_size=9)


@example([("wei国", "韦国")])
@example([("韦国韦国韦国山", "伟国伟国伟国山")])
@example([("伟伟伟伟伟伟山", "韦韦韦韦韦韦山")])
@given(st.lists(st.tuples(_NAMES, _NAMES), max_size=20))
def test_whole_columns_agree_as_each_pair_does(pairs: list[tuple[str | None, str | None]]) -> None:
    """Those that are never asked, since no character can be the same, do not."""
    frame = pl.DataFrame(pairs, {"sent": pl.String, "on_roster": pl.String}, orient="row")
    expected = [sent is not None and known is not None and agree(sent, known) for sent, known in pairs]
    assert expected == agreeing(frame).to_list()
