"""A site that is open: its settings, keys, ledger and files, handed to whoever works for it."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from gateway.calendar import WorkingDays
from gateway.errors import DiskFault, TryLater
from gateway.mappings import MappingFiles
from gateway.model.policy import Policy
from gateway.plugin.loader import Plugins
from gateway.settings import Settings
from gateway.store import Ledger
from gateway.vault import Keyring, read_sealed_frame, read_sealed_rows, write_sealed_frame
from gateway.words import _


@dataclass(frozen=True, kw_only=True)
class Site:
    """One open site."""

    settings: Settings
    plugins: Plugins
    keyring: Keyring
    ledger: Ledger
    mappings: MappingFiles
    policy: Policy
    working_days: WorkingDays

    @property
    def archive(self) -> Path:
        """Sealed originals of deliveries."""
        return self.settings.var / "archive"

    @property
    def frames(self) -> Path:
        """Sealed frames: entries, resolutions, roster buckets."""
        return self.settings.var / "frames"

    def incoming(self, instance: str) -> Path:
        """Sealed partial downloads of an instance."""
        folder = self.settings.var / "incoming" / instance
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read_frame(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """A sealed frame that a committed row names. Raises SealBroken."""
        return read_sealed_frame(self.keyring.sealer, self.frames / name, columns)

    def read_rows(self, name: str, values: pl.Series, columns: list[str] | None = None) -> pl.DataFrame:
        """Those rows of a sealed frame whose first column has one of these values. Raises SealBroken."""
        return read_sealed_rows(self.keyring.sealer, self.frames / name, values, columns)

    def write_frame(self, frame: pl.DataFrame) -> str:
        """Seals a frame, best sorted by its first column; the name under which a ledger row may name it."""
        return write_sealed_frame(self.keyring.sealer, self.frames, frame)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time per site: a file's lock within this host, the ledger's lease among hosts. Raises TryLater
        where another process runs."""
        try:
            lock = (self.settings.var / "run.lock").open("w")
        except OSError as fault:
            what, step = _("无法写入运行锁 run.lock"), _("请检查磁盘空间和 var 目录的权限(gateway doctor)")
            raise DiskFault(what, where=str(self.settings.var), next_step=step) from fault
        with lock as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as fault:
                what, step = _("另一个运行正在进行"), _("请等它结束后再试;可用 gateway runs 查看")
                raise TryLater(what, next_step=step) from (None if isinstance(fault, BlockingIOError) else fault)
            with self.ledger.lease(_place(file)):
                yield


def _place(lock: IO[str]) -> str:
    """Where the lock's file is: another file, another host, or this one after it was started again is another place."""
    file = os.fstat(lock.fileno())
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{socket.gethostname()[:64]} {boot} {file.st_dev}:{file.st_ino}"
