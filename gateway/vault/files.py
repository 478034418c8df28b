"""Key files: written whole and closed to others, and what is said of a damaged one."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.errors import KeyFault
from gateway.vault.streams import sync_folder
from gateway.words import _


def write_private(path: Path, content: Mapping[str, Any] | str, *, replace: bool = False) -> None:
    """JSON, or a text, into a new file of mode 0600, on the disk when this returns. Raises FileExistsError where there
    is one and `replace` is not said; a crash leaves the old file or the new one."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}") if replace else path
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        os.replace(partial, path)
    sync_folder(path.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process, and one thread of it, changes the key files of a folder at a time. Not to be entered twice."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def key_bytes(secret: SecretStr, length: int, name: str) -> bytes:
    """The bytes of a key in hex digits. KeyFault for another length or form, without repeating it."""
    try:
        raw = bytes.fromhex(secret.get_secret_value())
    except ValueError:
        raise damaged(name) from None
    if len(raw) != length:
        raise damaged(name)
    return raw


def damaged(name: str) -> KeyFault:
    """What is said of a key file that isn't what it should be."""
    return KeyFault(_("密钥文件已损坏或格式不对"), where=name, next_step=_("请从备份恢复该文件"))
