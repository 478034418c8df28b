"""乡村振兴 rural revitalization: one workbook per county on SFTP, full; receipts as workbooks in the inbox.

Contract: docs/peers.md, «Rural revitalization». A delivery is one date's folder; `SHA256SUMS` is written last, and a
later one of the same date is that date's word. Each workbook speaks for its county only.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from gateway.plugin import (
    DeliveryRefused,
    Fetched,
    Manifest,
    Mode,
    Offer,
    PartPromise,
    Receipt,
    Session,
    SftpOptions,
    Source,
    _,
    hookimpl,
    read_sums,
    sheet_receipt,
)

SUMS = "SHA256SUMS"
SUMS_LIMIT = 1 << 20
#: Bytes of one workbook; the largest county's is about 15 MB.
WORKBOOK_LIMIT = 512 << 20
WORKBOOK = re.compile(r"XCZX_(\d{6})_(\d{8})\.xlsx")
HEADER = ("行号", "户编号", "人编号", "姓名", "证件号码", "处理结果", "原因")


class RuralRevitalization(Source):
    """One rural revitalization bureau."""

    slug = "rural_revitalization"
    Options = SftpOptions
    options: SftpOptions

    def offers(self, session: Session) -> Iterable[Offer]:
        sftp = session.sftp(self.options)
        for folder in sftp.list(self.options.outbox):
            if not (folder.is_folder and re.fullmatch(r"\d{8}", folder.name)):
                continue
            path = f"{self.options.outbox}/{folder.name}"
            size = next((entry.size for entry in sftp.list(path) if entry.name == SUMS), None)
            if size is not None:
                # One that is far too long is offered all the same: fetching refuses it.
                text = sftp.read(f"{path}/{SUMS}", SUMS_LIMIT) if size <= SUMS_LIMIT else b""
                yield Offer(name=folder.name, manifest=text)

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        sums = read_sums(offer.manifest, f"{offer.name}/{SUMS}")
        manifest = self._manifest(offer.name, sums)
        folder = f"{self.options.outbox}/{offer.name}"
        sftp = session.sftp(self.options)
        sizes = {entry.name: entry.size for entry in sftp.list(folder)}
        there = [part.name for part in manifest.parts if part.name in sizes]
        if not there:
            what = _("SHA256SUMS 列出的文件都不在:{names}").format(names=_("、").join(sums))
            raise self._refused("part_missing", what, offer.name)
        large = [name for name in there if sizes[name] > WORKBOOK_LIMIT]
        if large:
            what = _("工作簿超过允许的大小:{names}").format(names=_("、").join(large))
            raise self._refused("too_large", what, offer.name)
        for name in there:
            with session.part(name) as sink:
                sftp.download(f"{folder}/{name}", sink, WORKBOOK_LIMIT)
        return Fetched(manifest=manifest, parts=tuple(there), extras={SUMS: offer.manifest})

    def _manifest(self, name: str, sums: dict[str, str]) -> Manifest:
        # A note, or the list of digests itself, says nothing of anybody.
        sums = {file: digest for file, digest in sums.items() if file.lower().endswith(".xlsx")}
        if not sums:
            raise self._refused("bad_manifest", _("SHA256SUMS 为空,或长得不合理"), name)
        parts = []
        for file, digest in sorted(sums.items()):
            match = WORKBOOK.fullmatch(file)
            if not match or match[2] != name:
                raise self._refused("bad_manifest", _("SHA256SUMS 中的文件名与约定不符"), name)
            parts.append(PartPromise(name=file, digest=digest, algorithm="sha256", scope=match[1]))
        try:
            day: date = datetime.strptime(name, "%Y%m%d").date()
        except ValueError as fault:
            raise self._refused("bad_manifest", _("目录名不是有效日期"), name) from fault
        scopes = tuple(part.scope for part in parts)
        return Manifest(name=name, mode=Mode.FULL, business_date=day, parts=tuple(parts), scopes=scopes)

    def _refused(self, code: str, what: str, where: str) -> DeliveryRefused:
        return DeliveryRefused(what, where=where, next_step=_("请乡村振兴部门核对后重新提供"), code=code)

    def feedback(self, session: Session, receipt: Receipt) -> None:
        columns = ["line", "household", "source_id", "name", "number", "result", "reason"]
        for (part,), rows in receipt.rows.partition_by("part", as_dict=True).items():
            target = f"{self.options.inbox}/{receipt.delivery}/{part.removesuffix('.xlsx')}.receipt.xlsx"
            session.sftp(self.options).write(target, sheet_receipt("反馈", HEADER, rows.select(columns)))

    def check(self, session: Session) -> Iterator[str]:
        entries = session.sftp(self.options).list(self.options.outbox)
        yield _("已登录,发件目录中有 {n} 个日期目录").format(n=sum(e.is_folder for e in entries))


@hookimpl
def gateway_register_sources(register: Any) -> None:  # pluggy passes the callable
    """Registers the source."""
    register(RuralRevitalization)
