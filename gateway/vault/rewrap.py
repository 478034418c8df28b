"""A sealed file passes to the newest epoch: its data key is wrapped anew, into the other slot of its header.

Takes a file; nothing of its content is read, and no name changes. At any moment one slot opens: the new one is on the
disk and was opened before anybody may take it for granted, the old one stays until the next epoch writes over it.
"""

import fcntl
import os
from enum import StrEnum
from pathlib import Path

from gateway.vault import frames
from gateway.vault.header import FILE_MAGIC, HEADER_BYTES, NAMED_BYTES, SLOT_BYTES, Epochs, FileHeader, broken
from gateway.words import _


class Rewrapped(StrEnum):
    """What became of one file."""

    #: It was under the newest epoch's key already.
    THERE = "there"
    DONE = "done"
    #: Somebody writes it: another time.
    BUSY = "busy"


def header_of(epochs: Epochs, path: Path) -> FileHeader:
    """A sealed file's header, of whichever kind the file is; the slot that counts is the newest epoch's, where it has
    one. `SealBroken` where no key of the site opens it, FileNotFoundError where it is gone."""
    with path.open("rb") as file:
        return _parsed(epochs, file.read(HEADER_BYTES), path.name)


def rewrap(epochs: Epochs, path: Path) -> Rewrapped:
    """Wraps the file's data key by the newest epoch's key. On the disk, and opened again, when this returns.

    `SealBroken` where no key of the site opens it, FileNotFoundError where it is gone; an OSError of the disk passes.
    """
    newest = epochs.newest()
    with path.open("r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Rewrapped.BUSY
        header = _parsed(epochs, os.pread(file.fileno(), HEADER_BYTES, 0), path.name)
        if header.epoch.key_id == newest.key_id:
            return Rewrapped.THERE
        other = NAMED_BYTES if header.place != NAMED_BYTES else NAMED_BYTES + SLOT_BYTES
        os.pwrite(file.fileno(), newest.slot(header.data_key, header.named), other)
        os.fsync(file.fileno())
        again = _parsed(epochs, os.pread(file.fileno(), HEADER_BYTES, 0), path.name)
        if (again.epoch.key_id, again.data_key) != (newest.key_id, header.data_key):
            raise broken(path.name, _("换用新密钥后打不开文件头"))
    return Rewrapped.DONE


def _parsed(epochs: Epochs, raw: bytes, name: str) -> FileHeader:
    magic = frames.MAGIC if raw.startswith(frames.MAGIC) else FILE_MAGIC
    return FileHeader.parse(raw, epochs, name, magic)


def shred(path: Path) -> None:
    """Destroys what a file's header says of its data key, on the disk, and then the file: it opens under no key any
    more. What a backup has of it dies with the keys of its epochs."""
    with path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), bytes(HEADER_BYTES - NAMED_BYTES), NAMED_BYTES)
        os.fsync(file.fileno())
    path.unlink()
