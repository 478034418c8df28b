"""Files of exports that keep the contract in other ways than our twins: under another name, or none at all."""

import gzip
from collections.abc import Iterable, Iterator
from datetime import date

import pytest

from gateway.model.deliveries import DeliveryState, Manifest, Mode, PartPromise
from gateway.pipeline.intake import visit
from gateway.plugin.api import Fetched, Offer, PluginOptions, Session, Source
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig

TAX, DAY = "tax", date(2026, 11, 1)
HEADER = (
    "证件类型,证件号码,姓名,缴费年度,征收品目,应缴金额,个人缴费金额,"
    "资助金额,资助身份,缴费日期,税票号码,参保地区划,退费标志"
)
ROW = "201,,韦伟,2026,城乡居民基本医疗保险费,400.00,400.00,0.00,,2026-11-01,T1,451022,0"


class _Export(Source):
    """An export that came with these files."""

    slug = TAX
    Options = PluginOptions

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(PluginOptions())
        self._files = files

    def offers(self, session: Session) -> Iterable[Offer]:
        yield Offer(name="export")

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        for name, content in self._files.items():
            with session.part(name) as sink:
                sink.write(content)
        parts = tuple(PartPromise(name=name) for name in self._files)
        manifest = Manifest(name=offer.name, mode=Mode.DELTA, business_date=DAY, parts=parts)
        return Fetched(manifest=manifest, parts=tuple(self._files))

    def check(self, session: Session) -> Iterator[str]:
        yield ""


def _taken(rig: Rig, files: dict[str, bytes]) -> list[str]:
    seen = visit(rig.site, rig.site.settings.sources[TAX], DAY, brought=_Export(files))
    assert [] == [str(fault) for fault in seen.faults]
    return seen.taken


@pytest.mark.parametrize("name", ["payments.csv.gz", "payments.csv", "payments"])
def test_a_packed_file_is_known_by_its_bytes(new_rig: NewRig, name: str) -> None:
    """The contract says what a file is, not what it is called."""
    rig = new_rig(TAX)
    assert ["export"] == _taken(rig, {name: gzip.compress(f"\ufeff{HEADER}\n{ROW}\n".encode())})
    assert 1 == rig.row("export").rows


def test_an_export_without_a_file_is_an_empty_list(new_rig: NewRig) -> None:
    """A day on which nobody paid may come without any file: it is taken, with no row, and applied."""
    rig = new_rig(TAX)
    assert ["export"] == _taken(rig, {})
    rig.peers.stage(1)
    rig.run(only=[])
    assert (DeliveryState.APPLIED, 0) == (rig.row("export").state, rig.row("export").rows)
