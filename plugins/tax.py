"""税务 tax: payments as export jobs over HTTP, gzip CSV. Payments move no identity, and tax gets no receipt.

Contract: docs/peers.md, «Tax». Each year of payments by itself: the whole of it once, then the days since its last
export. It is collected from the autumn before, and told of until the spring after.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

from gateway.plugin import (
    Fetched,
    HttpOptions,
    Manifest,
    Mode,
    Offer,
    PartPromise,
    Session,
    Source,
    TaxSigner,
    _,
    fetch_export,
    hookimpl,
    now,
    random_nonce,
)

#: The month in which the collection for the next year begins, and the last one in which something of the year before
#: may come: bureaus collect until February, some until March, and what is booked late or returned comes after.
BEGINS, ENDS = 9, 6


class TaxOptions(HttpOptions):
    """Settings of a tax instance."""

    access_key: str
    #: `file:…` or `env:…`
    secret_key: str


class Tax(Source):
    """One tax bureau."""

    slug = "tax"
    Options = TaxOptions
    options: TaxOptions

    def offers(self, session: Session) -> Iterable[Offer]:
        today = session.today
        for year in _years(today):
            last = session.last_named(f"SW_{year}_")
            start = last or date(year - 1, BEGINS, 1)
            yield Offer(name=f"SW_{year}_{start:%Y%m%d}_{today:%Y%m%d}" + ("" if last else "_F"))

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        _prefix, year, start, end, *full = offer.name.split("_")
        body = {
            "year": int(year),
            "from": f"{start[:4]}-{start[4:6]}-{start[6:]}",
            "to": f"{end[:4]}-{end[4:6]}-{end[6:]}",
            "full": bool(full),
        }
        with ExitStack() as stack:
            export = fetch_export(
                self._peer(session), body, lambda name: stack.enter_context(session.part(name))
            )
        parts = tuple(PartPromise(name=f.name, rows=f.rows) for f in export.files)
        # Payments leave nobody out: even the whole year's export ends nothing, so it is read as a delta.
        manifest = Manifest(name=offer.name, mode=Mode.DELTA, business_date=session.today, parts=parts)
        return Fetched(manifest=manifest, parts=tuple(p.name for p in parts))

    def _peer(self, session: Session) -> Any:  # HttpPeer, which authors need not import
        secret = session.secret(self.options.secret_key)
        return session.http(self.options, TaxSigner(self.options.access_key, secret, now, random_nonce))

    def check(self, session: Session) -> Iterator[str]:
        day = f"{session.today:%Y-%m-%d}"
        body = {"year": session.today.year, "from": day, "to": day, "full": False}
        self._peer(session).request("POST", "export/jobs", json=body).expect(200, 201, 202)
        yield _("签名有效,导出任务可以创建")


def _years(today: date) -> list[int]:
    """The years of payments that may have news."""
    after = [today.year + 1] if today.month >= BEGINS else []
    before = [today.year - 1] if today.month <= ENDS else []
    return [today.year, *after, *before]


@hookimpl
def gateway_register_sources(register: Any) -> None:  # pluggy passes the callable
    """Registers the source."""
    register(Tax)
