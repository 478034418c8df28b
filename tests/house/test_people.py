"""Nobody's number and no workshop's path is in the repository."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tests.house import tree

# Look-arounds, since \b sees no boundary between a digit and a Chinese character.
NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9Xx])")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_DIGITS = "10X98765432"
OLDEST = date(1900, 1, 1)
#: First two digits of GB/T 2260, with Taiwan's residence permits (83) and foreigners' (91 to 93).
PROVINCES = {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46}
PROVINCES |= {50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91, 92, 93}

#: Files and folders whose numbers a generator invented, with the reason they must be sound numbers.
INVENTED: dict[str, str] = {}

# Put together here, so that this file does not name what it looks for.
TOPS = ("work", "farm", "root", "tmp/w", "home/[a-z]+")
PLACES = re.compile(f"(?<![\\w.~-])/(?:{'|'.join(TOPS)})/")


def _number(front: str, wrong_by: int = 0) -> str:
    """The 17 digits and the check digit that fits, or the one `wrong_by` places further."""
    weighted = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, front, strict=True))
    return front + CHECK_DIGITS[(weighted + wrong_by) % 11]


def is_a_persons(number: str) -> bool:
    """Whether GB 11643 could have given the number to somebody: check digit, region and date of birth."""
    if number.upper() != _number(number[:17]) or int(number[:2]) not in PROVINCES:
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return OLDEST <= born <= date.today()


def contents(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """The file as text, and what an archive or workbook holds one level down."""
    yield name, unicodedata.normalize("NFKC", data.decode("utf-8", "replace"))
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if not member.flag_bits & 1:
                    inner = archive.read(member).decode("gb18030", "replace")
                    yield f"{name}!{member.filename}", unicodedata.normalize("NFKC", inner)


def numbers(path: Path) -> list[str]:
    """Where in the file a person's number stands, without the number."""
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        for name, text in contents(tree.name(path), path.read_bytes())
        for match in NUMBER.finditer(text)
        if is_a_persons(match.group())
    ]


def is_invented(path: Path) -> bool:
    """Whether the file lies where invented numbers are allowed."""
    return any(tree.name(path) == entry or tree.name(path).startswith(f"{entry}/") for entry in INVENTED)


def test_no_persons_number_is_in_the_repository() -> None:
    """No tracked file, workbook or open archive holds a number that could be somebody's."""
    assert [] == [place for path in tree.files() if not is_invented(path) for place in numbers(path)]


def test_every_exception_is_needed() -> None:
    """A place where invented numbers are allowed has some."""
    used = {entry for entry in INVENTED for path in tree.files() if is_invented(path) and numbers(path)}
    assert INVENTED.keys() == used


def test_a_persons_number_is_recognised() -> None:
    """A sound number is seen beside Chinese characters, and in full-width digits."""
    number = _number("451002" + "19900307" + "123")
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    for written in (f"号{number.lower()}号", wide):
        _, text = next(contents("a", written.encode()))
        assert [True] == [is_a_persons(match.group()) for match in NUMBER.finditer(text)]


def test_an_impossible_number_is_nobodys() -> None:
    """A number with a wrong check digit, a 13th month, or a region that no province has, is nobody's."""
    assert not is_a_persons(_number("451002" + "19900307" + "123", wrong_by=1))
    assert not is_a_persons(_number("451002" + "19901307" + "123"))
    assert not is_a_persons(_number("991002" + "19900307" + "123"))


def test_no_workshops_path_is_in_the_repository() -> None:
    """No tracked text names an absolute path that only one machine has."""
    assert [] == [
        f"{tree.name(path)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path in tree.files()
        for _, text in [next(contents(tree.name(path), path.read_bytes()))]
        for match in PLACES.finditer(text)
    ]
