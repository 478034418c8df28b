"""How people are shown."""

import pytest

from gateway.acts.masks import masked_name, masked_number

NUMBER = "451002" + "19900307" + "1232"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("王小明", "王*"), ("王", "王*"), (" 欧阳锋", "欧*"), ("阿依·买买提", "阿*"), ("", ""), (None, ""), ("?", "")],
)
def test_a_name_keeps_its_first_character(name: str | None, shown: str) -> None:
    """A name's first letter is shown, and not how long it is."""
    assert shown == masked_name(name)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (NUMBER, "451002****1232"),
        ("'" + NUMBER, "451002****1232"),
        ("".join(chr(ord(c) + 0xFEE0) for c in NUMBER), "451002****1232"),
        (NUMBER + "王小明", "451002****1232"),
        ("1234567", "****"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_number_keeps_its_ends(number: str | None, shown: str) -> None:
    """Six digits and four are shown, of a number that is long enough, and nothing that is no digit."""
    assert shown == masked_number(number)
