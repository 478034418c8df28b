"""Exports of the tax bureau, as its plugin would bring them."""

from collections.abc import Iterable, Iterator
from datetime import date

from gateway.model.deliveries import Manifest, Mode, PartPromise
from gateway.pipeline.intake import visit
from gateway.plugin.api import Fetched, Offer, PluginOptions, Session, Source
from tests.pipeline.rig import Rig

TAX, DAY = "tax", date(2026, 11, 1)
HEADER = (
    "证件类型,证件号码,姓名,缴费年度,征收品目,应缴金额,个人缴费金额,"
    "资助金额,资助身份,缴费日期,税票号码,参保地区划,退费标志"
)
#: A payment without a number.
ROW = "201,,韦伟,2026,城乡居民基本医疗保险费,400.00,400.00,0.00,,2026-11-01,T1,451022,0"


class _Export(Source):
    """An export that came with these files."""

    slug = TAX
    Options = PluginOptions

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        super().__init__(PluginOptions())
        self._name, self._files = name, files

    def offers(self, session: Session) -> Iterable[Offer]:
        yield Offer(name=self._name)

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        for name, content in self._files.items():
            with session.part(name) as sink:
                sink.write(content)
        parts = tuple(PartPromise(name=name) for name in self._files)
        manifest = Manifest(name=offer.name, mode=Mode.DELTA, business_date=DAY, parts=parts)
        return Fetched(manifest=manifest, parts=tuple(self._files))

    def check(self, session: Session) -> Iterator[str]:
        yield ""


def taken(rig: Rig, files: dict[str, bytes], name: str = "export") -> list[str]:
    """What is taken of an export with these files."""
    seen = visit(rig.site, rig.site.settings.sources[TAX], DAY, brought=_Export(name, files))
    assert [] == [str(fault) for fault in seen.faults]
    return seen.taken
