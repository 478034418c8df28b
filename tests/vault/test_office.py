"""Workbooks under a password."""

import io
import random

import pytest
import xlsxwriter

from gateway.errors import SealBroken
from gateway.vault.office import lock_workbook, unlock_workbook

PASSWORD = "口令 correct horse"


@pytest.fixture(scope="module")
def content() -> bytes:
    """A small workbook."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        book.add_worksheet().write_string(0, 0, "甲")
    return memory.getvalue()


def test_the_password_opens_it(content: bytes) -> None:
    """What was locked is the same again under its password, and shows nothing of itself without."""
    locked = lock_workbook(content, PASSWORD)
    assert content == unlock_workbook(locked, PASSWORD)
    assert content[:64] not in locked
    assert locked != lock_workbook(content, PASSWORD)


@pytest.mark.parametrize("password", ["", PASSWORD[:-1], PASSWORD.upper()])
def test_another_password_does_not(content: bytes, password: str) -> None:
    """Under any other password it is refused, in words."""
    with pytest.raises(SealBroken, match="口令不对"):
        unlock_workbook(lock_workbook(content, PASSWORD), password)


def test_what_is_not_locked_is_refused(content: bytes) -> None:
    """A workbook without a password is no locked one."""
    with pytest.raises(SealBroken, match="没有加密"):
        unlock_workbook(content, PASSWORD)


def test_damage_is_refused_in_words(content: bytes) -> None:
    """Bytes changed or cut anywhere are refused with our own error, or hit what nobody reads."""
    locked, draw = lock_workbook(content, PASSWORD), random.Random(3)
    refused = 0
    for _time in range(20):
        damaged = bytearray(locked[: draw.choice([len(locked), draw.randrange(len(locked))])])
        for _change in range(20):
            damaged[draw.randrange(len(damaged))] ^= draw.randrange(1, 256)
        try:
            unlock_workbook(bytes(damaged), PASSWORD)
        except SealBroken:
            refused += 1
    assert 0 < refused
