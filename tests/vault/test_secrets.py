"""The secrets a configuration refers to."""

from pathlib import Path

import pytest

from gateway.errors import KeyFault
from gateway.vault.secrets import read_passphrase, read_secret

#: Invented; it must never come back in a message.
SECRET = "invented-pass-word"


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


def test_a_credential_of_systemd_is_read_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`credential:` takes it from where systemd put it; without one, or of another name, it is a key fault."""
    (tmp_path / "peer").write_text(f"{SECRET}\n", "utf-8")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(KeyFault, match="systemd"):
        read_secret("credential:peer", tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert SECRET == read_secret("credential:peer", tmp_path).get_secret_value()
    for other in ("credential:nobody", "credential:../peer", "credential:"):
        with pytest.raises(KeyFault):
            read_secret(other, tmp_path)


def test_the_passphrase_may_lie_outside_the_site(tmp_path: Path) -> None:
    """An absolute path is right for the passphrase alone, and closed to others like any secret."""
    path = tmp_path / "pass"
    path.write_text(SECRET, "utf-8")
    path.chmod(0o600)
    assert SECRET == read_passphrase(f"file:{path}", tmp_path / "site").get_secret_value()
    with pytest.raises(KeyFault):
        read_secret(f"file:{path}", tmp_path / "site")
    path.chmod(0o640)
    with pytest.raises(KeyFault, match="chmod 600"):
        read_passphrase(f"file:{path}", tmp_path / "site")


def test_a_passphrase_is_asked_for_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process without a terminal does not wait for somebody to type."""
    monkeypatch.setattr("sys.stdin", (tmp_path / "none").open("w+"))
    with pytest.raises(KeyFault, match="凭据"):
        read_passphrase("prompt", tmp_path)
