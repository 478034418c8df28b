"""A list that came by hand, on a USB stick: it goes the way of every other delivery.

Takes a file, and what a person says of it in place of a manifest. Gives what `intake.visit` gives.
"""

import errno
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyzipper

from gateway.errors import DeliveryRefused, NotAllowed
from gateway.land import BROKEN_ARCHIVE, UNPACKED_LIMIT, member_name
from gateway.model.archives import listed
from gateway.model.deliveries import Manifest, Mode, PartPromise
from gateway.pipeline.intake import Intake, tried, visit
from gateway.plugin.api import Fetched, Offer, PluginOptions, Session, Source
from gateway.settings import Instance
from gateway.site import Site
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_new
from gateway.words import _

#: A file's own name may be somebody's; one in the form of the departments' is kept, since clerks know it.
_HARMLESS = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A list file and what a person says of it."""

    file: Path
    mode: Mode
    business_date: date
    #: What the list speaks for: "" = the instance's whole list, else a county code.
    scope: str
    #: Its number in the department's sequence; None where it has none.
    sequence: int | None


def bring(site: Site, instance: Instance, brought: Brought, today: date) -> Intake:
    """Takes the file in as a delivery of the instance. Raises NotAllowed for a file that cannot be read."""
    return visit(site, instance, today, brought=_Stick(instance.options, brought))


@contextmanager
def brought_dry(site: Site, instance: Instance, brought: Brought, today: date) -> Iterator[DeliveryRow | None]:
    """The delivery that taking the file in would make, as `intake.tried`."""
    with tried(site, instance, today, _Stick(instance.options, brought)) as row:
        yield row


class _Stick(Source):
    """The one delivery that lies on the stick."""

    slug = "by_hand"
    Options = PluginOptions

    def __init__(self, options: PluginOptions, brought: Brought) -> None:
        super().__init__(options)
        self._brought = brought
        own = brought.file.name
        self._name = own if _HARMLESS.fullmatch(own) else f"list{brought.file.suffix.lower()}"

    def offers(self, session: Session) -> Iterable[Offer]:
        yield Offer(name=Path(self._name).stem)

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        digest = sm3_new()
        with session.part(self._name) as sink:
            sink.restart()
            for block in _blocks(self._brought.file):
                digest.update(block)
                sink.write(block)
        if not self._name.endswith(".zip"):
            manifest = self._manifest(offer.name, [self._name])
            return Fetched(manifest=manifest, parts=(self._name,))
        password = session.secret(str(getattr(self.options, "zip_password", "")))
        manifest = self._manifest(offer.name, self._members())
        parts = tuple(part.name for part in manifest.parts)
        return Fetched(manifest=manifest, parts=parts, archive=(self._name, digest.hexdigest(), "sm3", password))

    def _manifest(self, name: str, files: list[str]) -> Manifest:
        b = self._brought
        return Manifest(
            name=name,
            mode=b.mode,
            business_date=b.business_date,
            sequence=b.sequence,
            parts=tuple(PartPromise(name=file, scope=b.scope) for file in files),
            scopes=(b.scope,),
        )

    def _members(self) -> list[str]:
        try:
            with opened(self._brought.file) as file, listed(pyzipper.AESZipFile, file) as archive:
                return [member_name(info) for info in archive.infolist() if not info.is_dir()]
        except zipfile.LargeZipFile as fault:
            step = _("请来源单位检查压缩包")
            raise DeliveryRefused(_("压缩包的目录异常巨大"), where=self._name, next_step=step, code="bomb") from fault
        except BROKEN_ARCHIVE as fault:
            step = _("请来源单位重新提供")
            raise DeliveryRefused(_("压缩包损坏"), where=self._name, next_step=step, code="bad_archive") from fault

    def check(self, session: Session) -> Iterator[str]:
        yield str(self._brought.file.stat().st_size)


def _blocks(file: Path) -> Iterator[bytes]:
    with opened(file) as stream:
        while block := stream.read(_BLOCK):
            yield block


def opened(file: Path) -> BinaryIO:
    """The file itself, to be read. Raises NotAllowed where there is none, it may not be read, or it is no file but a
    link, a pipe or a device: what they lead to is not what lies on the stick, and may have no end."""
    try:
        stream = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as fault:
        what = _("这是一个链接,不是文件") if fault.errno == errno.ELOOP else _("读不到这个文件")
        raise NotAllowed(what, where=file.name, next_step=_("请核对路径和权限")) from fault
    seen = os.fstat(stream.fileno())
    if stat.S_ISREG(seen.st_mode) and seen.st_size <= UNPACKED_LIMIT:
        return stream
    stream.close()
    what = _("这不是文件") if not stat.S_ISREG(seen.st_mode) else _("文件异常巨大")
    raise NotAllowed(what, where=file.name, next_step=_("请核对路径"))
