"""税务 tax: payments as export jobs over HTTP, gzip CSV. Payments move no identity, and tax gets no receipt.

Contract: docs/peers.md, «Tax». The whole year once, then the days since the last export.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
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
        year, today = session.today.year, session.today
        fresh = session.last_any is None or session.last_any.year != year
        start = today.replace(month=1, day=1) if fresh or session.last_any is None else session.last_any
        yield Offer(name=f"SW_{year}_{start:%Y%m%d}_{today:%Y%m%d}" + ("_F" if fresh else ""))

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


@hookimpl
def gateway_register_sources(register: Any) -> None:  # pluggy passes the callable
    """Registers the source."""
    register(Tax)
