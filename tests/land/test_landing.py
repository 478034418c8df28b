"""Landing: originals are kept whatever comes of them, promises are verified, archives are unpacked within bounds."""

import hashlib
import io
import os
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import pyzipper
from pydantic import SecretStr

from gateway.errors import DeliveryRefused, SealBroken
from gateway.land import Landed, keep_bytes, keep_original, land
from gateway.land.landing import MEMBERS_LIMIT
from gateway.model.deliveries import LandedFile, Manifest, Mode, PartPromise
from gateway.vault import Keyring, Sealer
from gateway.vault.header import HEADER_BYTES, NAMED_BYTES
from gateway.vault.sealedfile import CHEAPEST
from gateway.vault.sm import sm3_hex

WORD = SecretStr("word")
CSV = "姓名\r\n甲\r\n".encode("gb18030") * 200
NAME = "list.csv"


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> Sealer:
    """A site's seal."""
    return Keyring.create(tmp_path_factory.mktemp("site") / "keys", cost=CHEAPEST).sealer


def packed(members: Mapping[str, bytes] | None = None, password: str = "word") -> bytes:
    """An AES archive."""
    memory = io.BytesIO()
    with pyzipper.AESZipFile(memory, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        for name, content in (members or {NAME: CSV}).items():
            archive.writestr(name, content)
    return memory.getvalue()


def manifest(*names: str, digest: str = "") -> Manifest:
    """What is promised."""
    parts = tuple(PartPromise(name=n, digest=digest or sm3_hex(CSV), algorithm="sm3") for n in names or (NAME,))
    return Manifest(name="one", mode=Mode.FULL, business_date=date(2026, 11, 1), parts=parts)


def landed(sealer: Sealer, folder: Path, archive: bytes, promised: Manifest | None = None) -> Landed:
    """An archive, kept and landed; its own digest is right."""
    kept = keep_bytes(sealer, folder, "list.zip", archive)
    return land(
        instance="mz",
        plugin="civil_affairs",
        manifest=promised or manifest(),
        originals=[kept],
        archive=("list.zip", sm3_hex(archive), "sm3", WORD),
        sealer=sealer,
        folder=folder,
    )


def refusal(sealer: Sealer, folder: Path, archive: bytes, promised: Manifest | None = None) -> str:
    """The code with which an archive is refused."""
    with pytest.raises(DeliveryRefused) as caught:
        landed(sealer, folder, archive, promised)
    assert caught.value.next_step
    return caught.value.code


def test_an_original_is_named_by_its_sealed_bytes(sealer: Sealer, tmp_path: Path) -> None:
    """A kept original lies under the SM3 of what is on the disk, but for the slots of its key; its plain digest and
    size are told."""
    partial = tmp_path / "x.part"
    with sealer.create(partial) as writer:
        writer.write(CSV)
    kept = keep_original(sealer, tmp_path, NAME, partial)
    sealed = (tmp_path / kept.sealed).read_bytes()
    digest = sm3_hex(sealed[:NAMED_BYTES] + sealed[HEADER_BYTES:])
    assert LandedFile(name=NAME, sealed=f"{digest}.sealed", digest=sm3_hex(CSV), size=len(CSV)) == kept
    assert [kept.sealed] == os.listdir(tmp_path)


def test_an_unfinished_part_is_no_original(sealer: Sealer, tmp_path: Path) -> None:
    """A part that was never finished is not kept, whatever digest is told of it, and stays where it is."""
    part = tmp_path / "x.part"
    writer = sealer.create(part)
    writer.write(CSV)
    writer.abort()
    with pytest.raises(SealBroken):
        keep_original(sealer, tmp_path, NAME, part, sm3_hex(CSV))
    assert ["x.part"] == os.listdir(tmp_path)


def test_a_promise_in_another_digest_is_held_against_the_member(sealer: Sealer, tmp_path: Path) -> None:
    """SHA-256 of a member, right or wrong, is compared with that member's bytes, and not with the archive's."""
    right, wrong = (
        replace(manifest(), parts=(PartPromise(name=NAME, digest=digest, algorithm="sha256"),))
        for digest in (hashlib.sha256(CSV).hexdigest(), "0" * 64)
    )
    assert CSV == landed(sealer, tmp_path, packed(), right).parts[NAME]()
    assert "digest_differs" == refusal(sealer, tmp_path, packed(), wrong)


def test_members_come_out_as_they_went_in(sealer: Sealer, tmp_path: Path) -> None:
    """A whole archive gives each promised member out of the one sealed original, and no plain byte is on the disk."""
    result = landed(sealer, tmp_path, packed())
    original, member = result.landing.files
    assert CSV == result.parts[NAME]()
    assert LandedFile(name=NAME, sealed=original.sealed, digest=sm3_hex(CSV), size=len(CSV)) == member
    assert [original.sealed] == os.listdir(tmp_path)
    assert not any(CSV[:40] in path.read_bytes() for path in tmp_path.iterdir())


def test_the_same_content_has_the_same_digest(sealer: Sealer, tmp_path: Path) -> None:
    """A delivery is known by what it holds: landed twice it is the same, with another day it is another."""
    archive = packed()
    digests = [landed(sealer, tmp_path, archive).landing.content_digest for _time in range(2)]
    other = replace(manifest(), business_date=date(2026, 11, 2))
    assert digests[0] == digests[1] != landed(sealer, tmp_path, archive, other).landing.content_digest


def test_a_folder_entry_is_no_member(sealer: Sealer, tmp_path: Path) -> None:
    """An archive that also names a folder is taken for its files."""
    memory = io.BytesIO(packed())
    with zipfile.ZipFile(memory, "a") as archive:
        archive.mkdir("folder")
    assert CSV == landed(sealer, tmp_path, memory.getvalue()).parts[NAME]()


def test_a_name_that_comes_twice_is_refused(sealer: Sealer, tmp_path: Path) -> None:
    """Of two members of one name nobody knows which is meant."""
    memory = io.BytesIO(packed())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(memory, "a") as archive:
        archive.writestr(NAME, b"other")
    assert "bad_archive" == refusal(sealer, tmp_path, memory.getvalue())


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "a/../../x.csv", "..\\x.csv", "C:x.csv", "\\\\host\\x.csv"])
def test_a_path_outside_is_refused(sealer: Sealer, tmp_path: Path, name: str) -> None:
    """A member whose name leads out of the archive is refused, promised or not."""
    assert "bad_archive" == refusal(sealer, tmp_path, packed({name: CSV}), manifest(name))


def test_too_many_members_are_refused(sealer: Sealer, tmp_path: Path) -> None:
    """An archive with more members than any real one is refused before any is read."""
    names = [f"{n}.csv" for n in range(MEMBERS_LIMIT + 1)]
    assert "bomb" == refusal(sealer, tmp_path, packed({n: b"" for n in names}), manifest(*names))


def test_a_wrong_digest_is_refused(sealer: Sealer, tmp_path: Path) -> None:
    """A member that is not what was promised is refused."""
    assert "digest_differs" == refusal(sealer, tmp_path, packed(), manifest(digest="0" * 64))


def test_a_wrong_password_is_no_damage(sealer: Sealer, tmp_path: Path) -> None:
    """A password that does not open the archive is told as that."""
    assert "wrong_password" == refusal(sealer, tmp_path, packed(password="other"))


@pytest.mark.parametrize("seed", range(8))
def test_any_damage_is_a_refusal(sealer: Sealer, tmp_path: Path, seed: int) -> None:
    """Whatever bytes of an archive are changed or cut, it is refused with a code, or it holds what it promises."""
    rng, whole = random.Random(seed), packed()
    for _time in range(40):
        spoilt = bytearray(whole)
        for _byte in range(rng.choice((1, 1, 4))):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        cut = bytes(spoilt[: rng.choice((len(spoilt), rng.randrange(len(spoilt))))])
        try:
            assert CSV == landed(sealer, tmp_path, cut).parts[NAME]()
        except DeliveryRefused as fault:
            assert fault.code in {"bad_archive", "wrong_password", "digest_differs", "bomb"}


def gbk_named(name: str, content: bytes = CSV) -> bytes:
    """An archive whose member's name is GBK, without the mark of UTF-8, as Windows writes it."""
    raw = name.encode("gb18030")
    return packed({"x" * len(raw): content}).replace(b"x" * len(raw), raw)


def test_a_name_in_gbk_is_its_own(sealer: Sealer, tmp_path: Path) -> None:
    """A member whose name is GBK without the mark of UTF-8 is the one that the manifest promises; digests and paths are
    checked as of any other."""
    name = "低保对象.csv"
    archive = gbk_named(name)
    one = landed(sealer, tmp_path, archive, manifest(name))
    assert [name] == [file.name for file in one.landing.files if file.name != "list.zip"]
    assert CSV == one.parts[name]()
    assert "digest_differs" == refusal(sealer, tmp_path, archive, manifest(name, digest=sm3_hex(b"else")))
    outside = "../低保.csv"
    assert "bad_archive" == refusal(sealer, tmp_path, gbk_named(outside), manifest(outside))
