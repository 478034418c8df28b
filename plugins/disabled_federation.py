"""残联 disabled persons' federation: signed and sealed pages over HTTP; results are posted back.

Contract: docs/peers.md, «Disabled persons' federation». A full list every `full_every` days, what changed between.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import sha256
from typing import Any

from gateway.plugin import (
    BearerToken,
    FederationPages,
    Fetched,
    HttpOptions,
    Manifest,
    Mode,
    Offer,
    PartPromise,
    PeerBroken,
    Receipt,
    Session,
    Source,
    _,
    hookimpl,
    json_lines,
    now,
    read_pages,
    sm2_public_key,
)

#: Rows of one page and of one feedback call; the most that the contract allows.
SIZE = 1000


class DisabledFederationOptions(HttpOptions):
    """Settings of a federation instance."""

    client_id: str
    #: `file:…` or `env:…`
    client_secret: str
    #: Shared SM4 key, 32 hex digits: `file:…` or `env:…`
    sm4_key: str
    #: The federation's SM2 public key, 128 hex digits.
    public_key: str
    #: The keys that take their place; "" = none. Until they are entered above, a page is taken under either.
    next_sm4_key: str = ""
    next_public_key: str = ""
    #: Six digits to ask for one county only; "" = all.
    county: str = ""
    #: Days after which a full list is asked for again; between, only what changed.
    full_every: int = 1


class DisabledFederation(Source):
    """One federation."""

    slug = "disabled_federation"
    Options = DisabledFederationOptions
    options: DisabledFederationOptions

    def offers(self, session: Session) -> Iterable[Offer]:
        due = session.last_full is None or (session.today - session.last_full).days >= self.options.full_every
        yield Offer(name="F" if due else "D")

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        params: dict[str, str | int] = {"size": SIZE}
        if self.options.county:
            params["county"] = self.options.county
        if offer.name == "D" and session.last_any is not None:
            params["updated_since"] = f"{session.last_any:%Y-%m-%d}T00:00:00+08:00"
        opener = self._opener(session)
        pages = read_pages(self._peer(session), "api/v1/holders", params, opener.open_page, "cert_no")
        try:
            day = date.fromisoformat(pages.as_of[:10])
        except ValueError as fault:
            raise PeerBroken(
                _("as_of 不是有效时间"), where=session.instance, next_step=_("请联系残联")
            ) from fault
        name = f"CL_{day:%Y%m%d}_{offer.name}"
        rows = sorted(pages.rows, key=lambda row: str(row.get("cert_no")))
        with session.part(f"{name}.json") as sink:
            sink.restart()
            sink.write(json_lines(rows))
        scope = self.options.county
        part = PartPromise(name=f"{name}.json", rows=len(rows), scope=scope)
        mode = Mode.FULL if offer.name == "F" else Mode.DELTA
        manifest = Manifest(name=name, mode=mode, business_date=day, parts=(part,), scopes=(scope,))
        return Fetched(manifest=manifest, parts=(part.name,))

    def _opener(self, session: Session) -> FederationPages:
        o = self.options
        following = session.secret(o.next_sm4_key).get_secret_value() if o.next_sm4_key else ""
        return FederationPages(
            sm4_key=bytes.fromhex(session.secret(o.sm4_key).get_secret_value()),
            federation_key=sm2_public_key(o.public_key),
            other_sm4_key=bytes.fromhex(following),
            other_federation_key=sm2_public_key(o.next_public_key) if o.next_public_key else None,
            where=session.instance,
        )

    def _peer(self, session: Session) -> Any:  # HttpPeer, which authors need not import
        secret = session.secret(self.options.client_secret)
        token = BearerToken("oauth2/token", self.options.client_id, secret, now)
        return session.http(self.options, token)

    def feedback(self, session: Session, receipt: Receipt) -> None:
        peer = self._peer(session)
        rows = receipt.rows.select("result", "reason", cert_no="source_id")
        for at in range(0, rows.height, SIZE):
            said = rows.slice(at, SIZE).to_dicts()
            # The federation takes the same batch once: told again it has its number, and anything else another.
            batch = f"{receipt.delivery}-{receipt.issue}-{at // SIZE + 1:04d}-{_digest(said)}"
            body = {"batch": batch, "rows": said}
            peer.request("POST", "api/v1/feedback", json=body).expect(200, 201, 202, 204)

    def check(self, session: Session) -> Iterator[str]:
        opener = self._opener(session)
        answer = self._peer(session).request("GET", "api/v1/holders", params={"size": 1}).expect(200)
        page = opener.open_page(answer.json(), "")
        yield _("已取得令牌,数据页的签名和密钥有效,名单共 {n} 人").format(n=page.total)


def _digest(said: list[dict[str, Any]]) -> str:
    return sha256(json_lines(said)).hexdigest()[:12]


@hookimpl
def gateway_register_sources(register: Any) -> None:  # pluggy passes the callable
    """Registers the source."""
    register(DisabledFederation)
