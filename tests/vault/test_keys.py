"""A site's keyring, and the secrets a configuration refers to."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import KeyFault, SealBroken
from gateway.vault.header import SiteKey
from gateway.vault.keys import KeyKind, Keyring, read_secret
from gateway.vault.seal import Sealer
from gateway.vault.sm import Sm2PrivateKey, Sm3Keyed

#: Invented; it must never come back in a message.
SECRET = "invented-pass-word"
KEY_FILES = ["site.json", "gateway.sm2.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Keyring.create(tmp_path / "keys")
    return tmp_path / "keys"


def values_of(folder: Path, name: str) -> dict[str, str]:
    content: dict[str, str] = json.loads((folder / name).read_text("utf-8"))
    return content


def secrets_of(folder: Path) -> list[str]:
    site, gateway = (values_of(folder, name) for name in KEY_FILES)
    return [site["sm4_key"], site["index_key"], gateway["private_key"]]


def digests(values: list[str], key: bytes = bytes(32)) -> list[int]:
    return Keyring(
        sealer=Sealer(site=SiteKey(key_id="test", key=bytes(16))),
        signing_key=Sm2PrivateKey.from_hex(f"{1:064x}"),
        _index=Sm3Keyed(key=key),
        _infos=(),
    ).person_digest(values)


def test_a_keyring_is_the_same_each_time_it_is_loaded(folder: Path) -> None:
    """What one process sealed, signed and digested, the next one opens, verifies and finds."""
    first, second = Keyring.load(folder), Keyring.load(folder)
    assert b"x" == second.sealer.open_bytes(first.sealer.seal_bytes(b"x", "p"), "p")
    assert second.signing_key.public.verify(first.signing_key.sign(b"x"), b"x")
    assert first.person_digest(["invented"]) == second.person_digest(["invented"])


def test_two_sites_share_nothing(tmp_path: Path) -> None:
    """Another site's keyring opens no seal, verifies no signature and gives other digests."""
    mine, other = Keyring.create(tmp_path / "mine"), Keyring.create(tmp_path / "other")
    with pytest.raises(SealBroken):
        other.sealer.open_bytes(mine.sealer.seal_bytes(b"x", "p"), "p")
    assert not other.signing_key.public.verify(mine.signing_key.sign(b"x"), b"x")
    assert mine.person_digest(["invented"]) != other.person_digest(["invented"])


def test_key_files_are_closed_to_others(folder: Path) -> None:
    """The folder has mode 0700 and each file 0600, whatever the folder was before."""
    assert 0o700 == folder.stat().st_mode & 0o777
    assert {name: 0o600 for name in KEY_FILES} == {
        path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()
    }


def test_a_folder_that_stands_open_is_closed(tmp_path: Path) -> None:
    """Keys may be made in a folder that holds other files, which others may no longer enter then."""
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys" / "README.md").write_text("invented", "utf-8")
    Keyring.create(tmp_path / "keys")
    assert 0o700 == (tmp_path / "keys").stat().st_mode & 0o777


@pytest.mark.parametrize("left", KEY_FILES)
def test_keys_are_never_overwritten(folder: Path, left: str) -> None:
    """While one of the two files is there, no new keys are made and the file stays as it is."""
    (folder / next(name for name in KEY_FILES if name != left)).unlink()
    before = (folder / left).read_bytes()
    with pytest.raises(KeyFault, match=left):
        Keyring.create(folder)
    assert {left: before} == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_ids_are_shown_and_keys_are_not(folder: Path) -> None:
    """What a keyring shows of itself is kinds, ids and dates."""
    keyring = Keyring.load(folder)
    assert [KeyKind.SITE, KeyKind.GATEWAY] == [info.kind for info in keyring.ids()]
    assert [values_of(folder, name)["key_id"] for name in KEY_FILES] == [
        info.key_id for info in keyring.ids()
    ]
    shown = f"{keyring!r} {keyring.ids()!r} {keyring.sealer!r} {keyring.signing_key!r}"
    assert [] == [secret for secret in secrets_of(folder) if secret in shown]
    assert repr(bytes.fromhex(secrets_of(folder)[0])) not in shown


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_key_file_that_others_may_read_is_refused(folder: Path, name: str) -> None:
    """The refusal names the command that mends it."""
    (folder / name).chmod(0o640)
    with pytest.raises(KeyFault, match="chmod 600"):
        Keyring.load(folder)


def test_a_key_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    """The folder is checked as its files are."""
    folder.chmod(0o755)
    with pytest.raises(KeyFault, match="chmod 700"):
        Keyring.load(folder)


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_missing_key_file_is_named(folder: Path, name: str) -> None:
    """Half a keyring is no keyring."""
    (folder / name).unlink()
    with pytest.raises(KeyFault, match=name):
        Keyring.load(folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("site.json", {"sm4_key": "00"}, id="short SM4 key"),
        pytest.param("site.json", {"index_key": "no hex"}, id="index key no hex"),
        pytest.param("site.json", {"created": "yesterday"}, id="no date"),
        pytest.param("site.json", {"unknown": "x"}, id="unknown entry"),
        pytest.param("gateway.sm2.json", {"private_key": f"{1:064x}"}, id="another private key"),
        pytest.param("gateway.sm2.json", {"private_key": "0" * 64}, id="no private key"),
        pytest.param("gateway.sm2.json", {"key_id": "0" * 16}, id="another id"),
    ],
)
def test_a_damaged_key_file_is_refused_without_showing_it(
    folder: Path, name: str, change: dict[str, str]
) -> None:
    """A file that isn't what it should be is a key fault, and no key is in the message."""
    secrets, path = secrets_of(folder), folder / name
    path.write_text(json.dumps(values_of(folder, name) | change), "utf-8")
    with pytest.raises(KeyFault) as refused:
        Keyring.load(folder)
    assert [] == [secret for secret in secrets if secret in str(refused.value)]
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)))
def test_a_digest_is_a_non_negative_int64_and_depends_on_its_string_alone(values: list[str]) -> None:
    """Digests come in the strings' order, fit an Int64, and equal strings have equal ones."""
    result = digests(values)
    assert [digests([value])[0] for value in values] == result
    assert all(0 <= digest < 2**63 for digest in result)
    assert len(set(values)) == len(set(result))


def test_a_digest_does_not_change_from_release_to_release() -> None:
    """The first 63 bits of HMAC-SM3: a stored index must be found again for ever."""
    gmssl = pytest.importorskip("gmssl_pyx")
    expected = int.from_bytes(gmssl.sm3_hmac(bytes(32), "invented 名".encode())[:8], "big") >> 1
    assert [expected] == digests(["invented 名"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"{SECRET}\n", SECRET),
        (f"{SECRET}\r\n", SECRET),
        (SECRET, SECRET),
        (f" {SECRET} \n\n", f" {SECRET} \n"),
    ],
    ids=["newline", "windows newline", "none", "only one is cut"],
)
def test_a_secret_of_a_file_loses_one_line_end_and_nothing_else(
    tmp_path: Path, written: str, expected: str
) -> None:
    """The secret is what stands in the file, and hides itself in repr."""
    (tmp_path / "pass").write_bytes(written.encode())
    (tmp_path / "pass").chmod(0o600)
    secret = read_secret("file:pass", tmp_path)
    assert expected == secret.get_secret_value()
    assert SECRET not in f"{secret} {secret!r}"


def test_a_secret_of_the_environment_is_read_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`env:` takes the variable as it is; one that is missing or empty is a key fault that names it."""
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)
    assert SECRET == read_secret("env:GATEWAY_TEST_SECRET", tmp_path).get_secret_value()
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "")
    with pytest.raises(KeyFault, match="GATEWAY_TEST_SECRET"):
        read_secret("env:GATEWAY_TEST_SECRET", tmp_path)


@pytest.mark.parametrize(
    "reference", [SECRET, "", "file:", "env:", f"FILE:{SECRET}", f"file:/etc/{SECRET}", f"file:../{SECRET}"]
)
def test_any_other_form_of_a_secret_is_refused_without_repeating_it(tmp_path: Path, reference: str) -> None:
    """A secret written into the configuration itself is refused, and the refusal does not spread it."""
    with pytest.raises(KeyFault, match=r"file:keys/.*env:") as refused:
        read_secret(reference, tmp_path)
    assert SECRET not in str(refused.value)


def test_a_secret_file_must_be_there_closed_to_others_and_hold_something(tmp_path: Path) -> None:
    """Missing, readable by others, empty, or no text: each is a key fault."""
    path = tmp_path / "pass"
    with pytest.raises(KeyFault, match="pass"):
        read_secret("file:pass", tmp_path)
    path.write_text(SECRET, "utf-8")
    path.chmod(0o644)
    with pytest.raises(KeyFault, match="chmod 600") as refused:
        read_secret("file:pass", tmp_path)
    assert SECRET not in str(refused.value)
    path.chmod(0o600)
    for content in (b"\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(KeyFault, match="pass"):
            read_secret("file:pass", tmp_path)
