"""The key ring, `keys/ring.json`: the keys of epochs and of the blind index, each wrapped, and which key signs.

Of several keys of the blind index the ledger says which one is in force (`store.indexkeys`): its digests stand there.

Takes the file and a provider; gives epochs, the newest of which seals. Nothing in the file is of use without the
provider. It is replaced as a whole, by one process at a time, and a process that has it open sees another one's change
at its next seal. `KeyFault` for a file that is missing, damaged, open to others, or of another provider.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import KeyFault, SealBroken
from gateway.vault.files import alone, damaged, write_private
from gateway.vault.header import Epoch
from gateway.vault.provider import FIRST_INDEX, InternalKey, KeyHandle, KeyProvider
from gateway.vault.secrets import refuse_open_to_others
from gateway.vault.sm import SM4_KEY_BYTES, Sm3Keyed, sm3_hex
from gateway.words import _

FILE = "ring.json"
#: Where a key's days are.
CHINA = timezone(timedelta(hours=8))
#: SM3's own length: RFC 2104 advises a key no shorter than the digest.
INDEX_KEY_BYTES = 32
#: 16 hex digits, the room that a seal has for it.
KEY_ID_BYTES = 8


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key_id: str
    #: UTC.
    created: datetime


class EpochEntry(_Entry):
    """One epoch."""

    #: Its key under the provider's root key, hex.
    key: str
    #: Under that key: what sealed values' keys are made from, hex.
    values: str


class IndexEntry(_Entry):
    """The key of the blind index."""

    #: Under the key of this epoch, hex.
    epoch: str
    key: str


class SigningEntry(_Entry):
    """A signing key, which is in the provider."""

    index: int
    #: 128 hex digits.
    public_key: str
    #: The day in China from which on it signs; None = as long as it is there.
    first: date | None = None
    #: When its private half was destroyed; what it signed can be verified still.
    ended: datetime | None = None


class RingFile(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    #: Oldest first; the last one seals.
    epochs: tuple[EpochEntry, ...]
    #: Oldest first; several while the ledger passes from one to the next, and until the old one is destroyed.
    index: tuple[IndexEntry, ...]
    signing: tuple[SigningEntry, ...]


@dataclass(frozen=True, kw_only=True)
class _Open:
    """The ring as it was read: the file, what tells it from another, and its keys."""

    stamp: tuple[int, int, int]
    file: RingFile
    epochs: dict[str, Epoch]


class Ring:
    """An open key ring. May be shared by threads."""

    def __init__(
        self, path: Path, provider: KeyProvider, reload: Callable[[], KeyProvider] | None = None
    ) -> None:
        """`reload` opens the provider again; None = that cannot be done without somebody. Raises KeyFault."""
        self._path, self._provider, self._reload = path, provider, reload
        self._lock = threading.Lock()
        self._open = self._read()

    def __repr__(self) -> str:
        return f"Ring({', '.join(self._open.epochs)})"

    @property
    def file(self) -> RingFile:
        """What stands in the file now."""
        return self._fresh().file

    def newest(self) -> Epoch:
        """The epoch that seals. Looks whether another process has begun one."""
        ring = self._fresh()
        return ring.epochs[ring.file.epochs[-1].key_id]

    def find(self, key_id: str) -> Epoch | None:
        """The epoch of that id; None where its key is not here."""
        return self._open.epochs.get(key_id) or self._fresh().epochs.get(key_id)

    def index(self, key_id: str) -> Sm3Keyed:
        """The key of the blind index of that id. KeyFault where it is not here."""
        ring = self._fresh()
        for entry in ring.file.index:
            if entry.key_id == key_id:
                return Sm3Keyed(key=_index_key(ring, entry))
        what = _("台账使用的索引密钥 {key_id} 不在密钥环中").format(key_id=key_id)
        step = _("请放回与台账同时期的 keys/ring.json;已销毁的密钥无法恢复,只能用销毁以后的台账")
        raise KeyFault(what, where=FILE, next_step=step)

    def signing(self) -> InternalKey:
        """The key that the gateway signs with today: the newest whose day has come. A provider that was opened before
        that key was made is opened again. KeyFault where it has none of its index then, or another."""
        today = datetime.now(CHINA).date()
        due = [one for one in self.file.signing if one.ended is None and (one.first is None or one.first <= today)]
        if not due:
            raise damaged(FILE)
        with suppress(KeyFault):
            return self._signing(due[-1])
        if self._reload is not None:
            self._provider = self._reload()
        return self._signing(due[-1])

    def _signing(self, entry: SigningEntry) -> InternalKey:
        public = self._provider.public_key(entry.index)
        if (public.hex, key_id_of(public.hex)) != (entry.public_key, entry.key_id):
            raise damaged(FILE)
        return InternalKey(provider=self._provider, index=entry.index, public=public)

    def add_signing(self, provider: KeyProvider, first: date) -> SigningEntry:
        """The provider's next signing key signs from that day on. KeyFault where it has none of the next index."""
        with alone(self._path.parent):
            self._provider, old = provider, self._fresh().file
            index = old.signing[-1].index + 1
            public = provider.public_key(index).hex
            entry = SigningEntry(
                index=index, key_id=key_id_of(public), created=_now(), public_key=public, first=first
            )  # fmt: skip
            self._write(old.model_copy(update={"signing": (*old.signing, entry)}))
        return entry

    def end_signing(self, key_id: str) -> None:
        """That key signs no more; its public half stays."""
        with alone(self._path.parent):
            old = self._fresh().file
            signing = tuple(
                one.model_copy(update={"ended": one.ended or _now()}) if one.key_id == key_id else one
                for one in old.signing
            )
            self._write(old.model_copy(update={"signing": signing}))

    def begin_epoch(self) -> EpochEntry:
        """A new epoch, under which everything is sealed from now on; the index's key passes to it."""
        with alone(self._path.parent):
            old, entry = self._fresh(), new_epoch(self._provider)
            epoch = _epoch(self._provider, entry)
            index = [_wrapped_index(one.key_id, one.created, epoch, _index_key(old, one)) for one in old.file.index]
            self._write(RingFile(epochs=(*old.file.epochs, entry), index=tuple(index), signing=old.file.signing))
        return entry

    def drop_epoch(self, key_id: str) -> None:
        """Takes an epoch's key out of the ring: what is sealed under it never opens again. Raises KeyFault for the
        newest, and for one that is not there."""
        with alone(self._path.parent):
            old = self._fresh().file
            if key_id not in [entry.key_id for entry in old.epochs[:-1]]:
                step = _("可用 gateway keys list 查看;最新的密钥不能销毁")
                raise KeyFault(_("没有可以销毁的密钥 {key_id}").format(key_id=key_id), where=FILE, next_step=step)
            left = tuple(entry for entry in old.epochs if entry.key_id != key_id)
            self._write(old.model_copy(update={"epochs": left}))

    def begin_index(self, in_force: str) -> IndexEntry:
        """A new key of the blind index, beside the one in force; where there is one already that never came into
        force, since whoever began it was stopped, that one."""
        with alone(self._path.parent):
            old = self._fresh()
            if old.file.index[-1].key_id != in_force:
                return old.file.index[-1]
            epoch = old.epochs[old.file.epochs[-1].key_id]
            entry = _new_index(epoch)
            self._write(old.file.model_copy(update={"index": (*old.file.index, entry)}))
        return entry

    def drop_index(self, key_id: str, in_force: str) -> None:
        """Takes a key of the blind index out of the ring: nobody works out its digests any more. Raises KeyFault for
        the one in force, and for one that is not there."""
        with alone(self._path.parent):
            old = self._fresh().file
            left = tuple(entry for entry in old.index if entry.key_id != key_id)
            if len(left) == len(old.index) or key_id == in_force:
                step = _("可用 gateway keys list 查看;正在使用的密钥不能销毁")
                raise KeyFault(_("没有可以销毁的密钥 {key_id}").format(key_id=key_id), where=FILE, next_step=step)
            self._write(old.model_copy(update={"index": left}))

    def _fresh(self) -> _Open:
        if self._stamp() != self._open.stamp:
            with self._lock:
                if self._stamp() != self._open.stamp:
                    self._open = self._read()
        return self._open

    def _stamp(self) -> tuple[int, int, int]:
        try:
            seen = self._path.stat()
        except OSError:
            refuse_open_to_others(self._path, "chmod 600")  # which says that it is missing
            raise damaged(FILE) from None
        return seen.st_mtime_ns, seen.st_ino, seen.st_size

    def _read(self) -> _Open:
        refuse_open_to_others(self._path, "chmod 600")
        stamp = self._stamp()
        try:
            file = RingFile.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            raise damaged(FILE) from None
        if not file.epochs or not file.index or not file.signing:
            raise damaged(FILE)
        epochs = {entry.key_id: _epoch(self._provider, entry) for entry in file.epochs}
        if not epochs.keys() >= {entry.epoch for entry in file.index}:
            raise damaged(FILE)
        return _Open(stamp=stamp, file=file, epochs=epochs)

    def _write(self, file: RingFile) -> None:
        write_private(self._path, file.model_dump(mode="json"), replace=True)


def create(path: Path, provider: KeyProvider) -> Ring:
    """A new ring: one epoch, an index key, and the provider's first signing key."""
    entry = new_epoch(provider)
    epoch, public = _epoch(provider, entry), provider.public_key(FIRST_INDEX).hex
    signing = SigningEntry(index=FIRST_INDEX, key_id=key_id_of(public), created=_now(), public_key=public)
    file = RingFile(epochs=(entry,), index=(_new_index(epoch),), signing=(signing,))
    write_private(path, file.model_dump(mode="json"))
    return Ring(path, provider)


def new_epoch(provider: KeyProvider) -> EpochEntry:
    """The keys of a new epoch, wrapped."""
    key_id = secrets.token_hex(KEY_ID_BYTES)
    key = provider.generate_key(key_id)
    values = provider.import_key(key_id, key).wrap(secrets.token_bytes(SM4_KEY_BYTES), _values_bound(key_id))
    return EpochEntry(key_id=key_id, created=_now(), key=key.hex(), values=values.hex())


def key_id_of(public_key: str) -> str:
    """SM3 of a public key, its first 16 hex digits: whoever has the public key can work the id out."""
    return sm3_hex(bytes.fromhex(public_key))[: 2 * KEY_ID_BYTES]


def _epoch(provider: KeyProvider, entry: EpochEntry) -> Epoch:
    handle = provider.import_key(entry.key_id, _raw(entry.key))
    return Epoch(
        key_id=entry.key_id, handle=handle, values=_opened(handle, entry.values, _values_bound(entry.key_id))
    )


def _new_index(epoch: Epoch) -> IndexEntry:
    return _wrapped_index(secrets.token_hex(KEY_ID_BYTES), _now(), epoch, secrets.token_bytes(INDEX_KEY_BYTES))


def _index_key(ring: _Open, entry: IndexEntry) -> bytes:
    return _opened(ring.epochs[entry.epoch].handle, entry.key, _index_bound(entry.key_id))


def _wrapped_index(key_id: str, created: datetime, epoch: Epoch, key: bytes) -> IndexEntry:
    wrapped = epoch.handle.wrap(key, _index_bound(key_id))
    return IndexEntry(key_id=key_id, created=created, epoch=epoch.key_id, key=wrapped.hex())


def _opened(handle: KeyHandle, wrapped: str, bound: bytes) -> bytes:
    try:
        return handle.unwrap(_raw(wrapped), bound)
    except SealBroken:
        raise damaged(FILE) from None


def _raw(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise damaged(FILE) from None


def _values_bound(key_id: str) -> bytes:
    return b"gateway values|" + key_id.encode()


def _index_bound(key_id: str) -> bytes:
    return b"gateway index|" + key_id.encode()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
