"""The session that a plugin works with: sealed parts that are gone on with, each of one offer only."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.acquire import SourceSession
from gateway.errors import KeyFault, SealBroken
from gateway.vault import Keyring
from gateway.vault.sealedfile import CHEAPEST
from gateway.vault.sm import sm3_hex

BLOCK = b"0123456789abcdef" * (1 << 16)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[SourceSession]:
    """A session of an instance."""
    (tmp_path / "incoming").mkdir()
    keyring = Keyring.create(tmp_path / "keys", cost=CHEAPEST)
    with SourceSession(
        instance="mz", today=date(2026, 11, 1), site=tmp_path, keyring=keyring, incoming=tmp_path / "incoming"
    ) as session:
        session.begin("first")
        yield session


def _cut(session: SourceSession, name: str) -> None:
    """A download that breaks off after two blocks."""
    with pytest.raises(ConnectionError), session.part(name) as sink:
        sink.write(BLOCK * 2)
        raise ConnectionError


def test_a_part_goes_on_where_it_stopped(session: SourceSession) -> None:
    """After a cut the same offer's part holds what had come, and is whole once the rest was written."""
    _cut(session, "a.zip")
    with session.part("a.zip") as sink:
        assert len(BLOCK) * 2 == sink.plain_size
        sink.write(b"end")
    with session.keyring.sealer.open(session.part_path("a.zip")) as reader:
        assert BLOCK * 2 + b"end" == reader.read()


def test_an_unfinished_part_does_not_open(session: SourceSession) -> None:
    """What was cut cannot be taken for a whole file."""
    _cut(session, "a.zip")
    with pytest.raises(SealBroken):
        session.keyring.sealer.open(session.part_path("a.zip"))


def test_another_offer_has_parts_of_its_own(session: SourceSession) -> None:
    """A part of the same name that another promise is about begins anew, and the old one stays for its own offer."""
    _cut(session, "a.zip")
    session.begin("second")
    assert {} == session.parts()
    with session.part("a.zip") as sink:
        assert 0 == sink.plain_size
    session.drop_parts()
    session.begin("first")
    with session.part("a.zip") as sink:
        assert len(BLOCK) * 2 == sink.plain_size


def test_dropped_parts_are_gone(session: SourceSession) -> None:
    """Once an offer was taken or refused, none of its parts is left."""
    _cut(session, "a.zip")
    session.drop_parts()
    assert ({}, []) == (session.parts(), list(session.incoming.iterdir()))


@pytest.mark.parametrize("name", ["../../outside", "/etc/outside", "a\0b", "名" * 300])
def test_no_name_from_outside_names_a_file(session: SourceSession, name: str) -> None:
    """Whatever a department calls a part, it lies in the instance's folder."""
    with session.part(name) as sink:
        sink.write(b"x")
    assert [session.part_path(name)] == list(session.incoming.iterdir())
    assert {name: session.part_path(name)} == session.parts()


def test_nothing_plain_is_on_the_disk(session: SourceSession) -> None:
    """Partial downloads, too, are sealed."""
    _cut(session, "a.zip")
    assert BLOCK[:64] not in session.part_path("a.zip").read_bytes()


def test_a_secret_that_is_not_there_is_told(session: SourceSession) -> None:
    """A reference that leads nowhere is a fault of the configuration that names it."""
    with pytest.raises(KeyFault, match="nowhere"):
        session.secret("file:keys/nowhere")


def test_a_part_that_came_whole_is_digested_on_its_way(session: SourceSession) -> None:
    """The digest of a part is that of its bytes, also where it was begun anew; another sitting's bytes are not in it,
    so that such a part has none."""
    with session.part("a.zip") as sink:
        sink.write(b"first try")
        sink.restart()
        sink.write(BLOCK)
    assert sm3_hex(BLOCK) == session.part_digest("a.zip")
    with session.part("a.zip") as sink:
        sink.write(b"more")
    assert "" == session.part_digest("a.zip")
    with session.part("a.zip") as sink:
        sink.restart()
    assert sm3_hex(b"") == session.part_digest("a.zip")


def test_a_part_that_broke_off_has_no_digest(session: SourceSession) -> None:
    """Neither a part that was cut, nor the same part once the rest came, is taken for digested; another offer's part of
    that name is none of this one."""
    _cut(session, "a.zip")
    assert "" == session.part_digest("a.zip")
    with session.part("a.zip") as sink:
        sink.write(b"end")
    assert "" == session.part_digest("a.zip")
    with session.part("b.zip") as sink:
        sink.write(b"b")
    session.begin("second")
    assert "" == session.part_digest("b.zip")
