"""民政 civil affairs: AES zips of CSV on SFTP, full and delta; receipts as AES zips in the inbox.

Contract: docs/peers.md, «Civil affairs». A delivery is `<stem>.zip`, `<stem>.json`, and `<stem>.ok`, written last.
"""

from collections.abc import Iterable, Iterator
from datetime import date
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
    csv_receipt,
    hookimpl,
    marked,
    read_manifest_json,
    zip_aes,
)

#: The area has 6, 9 or 12 digits.
STEM = r"MZ_\d{6}(?:\d{3}){0,2}_\d{8}_[FD]_\d{4}"
MANIFEST_LIMIT = 1 << 20
#: Bytes of one archive; a city's full list is about 20 MB.
ARCHIVE_LIMIT = 2 << 30
HEADER = ("行号", "姓名", "身份证号码", "救助类别", "处理结果", "原因")


class CivilAffairsOptions(SftpOptions):
    """Settings of a civil affairs instance."""

    #: Password of the archives, in both directions: `file:…`, `env:…` or `credential:…`.
    zip_password: str
    #: Department code that manifests carry; "" = any.
    department: str = ""


class CivilAffairs(Source):
    """One civil affairs bureau."""

    slug = "civil_affairs"
    Options = CivilAffairsOptions
    options: CivilAffairsOptions

    def offers(self, session: Session) -> Iterable[Offer]:
        sftp = session.sftp(self.options)
        sizes = {entry.name: entry.size for entry in sftp.list(self.options.outbox)}
        for stem in marked(sizes, marker=".ok", pattern=STEM):
            manifest = f"{stem}.json"
            # One without a manifest, or with one that cannot be any, is offered all the same: fetching refuses it.
            usable = 0 < sizes.get(manifest, 0) <= MANIFEST_LIMIT
            text = sftp.read(f"{self.options.outbox}/{manifest}", MANIFEST_LIMIT) if usable else b"{}"
            yield Offer(name=stem, manifest=text)

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        data = read_manifest_json(offer.manifest, offer.name)
        manifest = self._manifest(offer.name, data)
        archive, sftp = f"{offer.name}.zip", session.sftp(self.options)
        sizes = {entry.name: entry.size for entry in sftp.list(self.options.outbox)}
        if archive not in sizes:
            raise self._refused("part_missing", _("缺少压缩包 {name}").format(name=archive), offer.name)
        if sizes[archive] > ARCHIVE_LIMIT:
            raise self._refused("too_large", _("压缩包 {name} 超过允许的大小").format(name=archive), offer.name)
        with session.part(archive) as sink:
            sftp.download(f"{self.options.outbox}/{archive}", sink, ARCHIVE_LIMIT)
        password = session.secret(self.options.zip_password)
        return Fetched(
            manifest=manifest,
            parts=tuple(p.name for p in manifest.parts),
            archive=(archive, str(data["archive_sm3"]).lower(), "sm3", password),
            extras={f"{offer.name}.json": offer.manifest},
        )

    def _manifest(self, stem: str, data: Any) -> Manifest:  # JSON from outside
        try:
            manifest = Manifest(
                name=stem,
                mode={"F": Mode.FULL, "D": Mode.DELTA}[data["mode"]],
                business_date=date.fromisoformat(data["business_date"]),
                sequence=int(data["sequence"]),
                department=str(data["department"]),
                parts=tuple(
                    PartPromise(
                        name=str(f["name"]),
                        rows=int(f["rows"]),
                        digest=str(f["sm3"]).lower(),
                        algorithm="sm3",
                    )
                    for f in data["files"]
                ),
            )
            agrees = data["batch_no"] == stem and bool(data["archive_sm3"]) and bool(manifest.parts)
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise self._refused("bad_manifest", _("清单缺少项目或格式不对"), stem) from fault
        _prefix, _area, day, mode, sequence = stem.split("_")
        promised = (f"{manifest.business_date:%Y%m%d}", data["mode"], manifest.sequence)
        if not agrees or (day, mode, int(sequence)) != promised:
            raise self._refused("bad_manifest", _("清单内容与文件名不一致"), stem)
        if self.options.department and manifest.department != self.options.department:
            raise self._refused("wrong_department", _("清单中的单位代码不是本来源的单位"), stem)
        return manifest

    def _refused(self, code: str, what: str, where: str) -> DeliveryRefused:
        return DeliveryRefused(what, where=where, next_step=_("请民政部门核对后重新提供"), code=code)

    def feedback(self, session: Session, receipt: Receipt) -> None:
        rows = receipt.rows.select("row", "name", "number", "category", "result", "reason")
        name = f"{receipt.delivery}.receipt"
        content = zip_aes(f"{name}.csv", csv_receipt(HEADER, rows), session.secret(self.options.zip_password))
        session.sftp(self.options).write(f"{self.options.inbox}/{name}.zip", content)

    def check(self, session: Session) -> Iterator[str]:
        session.secret(self.options.zip_password)
        names = [entry.name for entry in session.sftp(self.options).list(self.options.outbox)]
        stems = marked(names, marker=".ok", pattern=STEM)
        yield _("已登录,发件目录中有 {n} 个完整批次").format(n=len(stems))


@hookimpl
def gateway_register_sources(register: Any) -> None:  # pluggy passes the callable
    """Registers the source."""
    register(CivilAffairs)
