"""Whatever bytes come, a parser reads them or refuses them with one of the known errors, in time and in bounds.

A handful of inputs for each parser; `make fuzz` tries ten thousand.
"""

from collections.abc import Iterator, Mapping

import pytest

from gateway.errors import GatewayError
from tests.fuzz.hunt import hunt
from tests.fuzz.parsers import Parser, opened

TRIES = 25
#: What every parser is called, so that each is a test of its own.
NAMES = (
    "csv", "json", "roster", "manifest", "sums", "gzip", "xlsx", "worklist", "office", "envelope", "page", "token",
    "settings", "mapping", "policy", "holidays", "zip", "aes", "import", "import zip",
)  # fmt: skip
#: Refused for what stands in them, since they name what is not here.
REFUSED = {"envelope": 1, "zip": 1}


@pytest.fixture(scope="module")
def parsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Parser]]:
    """All of them, with a site."""
    with opened(tmp_path_factory.mktemp("fuzz")) as found:
        yield found


def test_every_parser_is_tried(parsers: Mapping[str, Parser]) -> None:
    """None is left out below."""
    assert {*NAMES} == parsers.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_reads_or_refuses(parsers: Mapping[str, Parser], name: str) -> None:
    """No input crashes a parser, keeps it for more than two seconds or takes more than twice the memory that it may: it
    is read, or refused with a known error."""
    assert TRIES <= sum(hunt(parsers[name], TRIES).ended.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_sound_input_gets_deep(parsers: Mapping[str, Parser], name: str) -> None:
    """What the inputs are made from is no nonsense: it is read, or refused for what stands in it."""
    refused = 0
    for sound in parsers[name].sounds:
        try:
            parsers[name].read(sound)
        except GatewayError:
            refused += 1
    assert REFUSED.get(name, 0) == refused
