"""医保信息平台 insurance platform: roster (L101), identity upload (L201), read-back (L202), settlements (L302).

Contract: docs/peers.md, «Insurance platform». Envelope, signing and repeats under one msgid are the gateway's.
"""

from datetime import date
from typing import Any

from gateway.plugin import HttpOptions, PeerBroken, Platform, PlatformSession, _, hookimpl


class InsurancePlatformOptions(HttpOptions):
    """Settings of the platform."""

    #: 12 characters; the first part of every msgid.
    org_code: str
    #: Area code of the pooling region, 6 digits.
    admdvs: str
    #: Shared SM4 key, 32 hex digits: `file:…` or `env:…`
    sm4_key: str
    #: The platform's SM2 public key, 128 hex digits.
    public_key: str
    #: The keys that take their place; "" = none. What comes is taken under either, what goes is sealed under the next
    #: one from that day on.
    next_sm4_key: str = ""
    next_public_key: str = ""
    next_from: date | None = None
    opter: str = "gateway"
    opter_name: str = "身份交换网关"


class InsurancePlatform(Platform):
    """The platform behind one address."""

    slug = "insurance_platform"
    Options = InsurancePlatformOptions
    options: InsurancePlatformOptions

    def connect(self, session: PlatformSession) -> Any:  # EnvelopePeer, which authors need not import
        o = self.options
        sm4_key, other = o.sm4_key, o.next_sm4_key
        if other and o.next_from is not None and o.next_from <= session.today:
            sm4_key, other = other, sm4_key
        return session.envelope(
            session.http(o),
            org_code=o.org_code,
            admdvs=o.admdvs,
            sm4_key=session.secret(sm4_key).get_secret_value(),
            other_sm4_key=session.secret(other).get_secret_value() if other else "",
            platform_key=o.public_key,
            other_platform_key=o.next_public_key,
            opter=o.opter,
            opter_name=o.opter_name,
        )

    def roster(self, peer: Any, msgid: str, sink: Any) -> int:
        return int(peer.export("L101", {"as_of": None}, msgid, sink).rows)

    def records(self, peer: Any, msgid: str, sink: Any) -> int:
        return int(peer.export("L202", {"as_of": None}, msgid, sink).rows)

    def settlements(self, peer: Any, year: int, msgid: str, sink: Any) -> int:
        return int(peer.export("L302", {"year": year}, msgid, sink).rows)

    def upload(self, peer: Any, msgid: str, plain: bytes) -> list[tuple[int, int]]:
        answer = peer.call("L201", plain, msgid)
        try:
            return [(int(item["seq"]), int(item["rslt"])) for item in answer["results"]]
        except (KeyError, TypeError, ValueError) as fault:
            where, step = _("医保平台 L201"), _("下次运行会以同一报文号重发;持续出现时请联系平台方")
            raise PeerBroken(_("逐条结果与约定不符"), where=where, next_step=step) from fault


@hookimpl
def gateway_register_platforms(register: Any) -> None:  # pluggy passes the callable
    """Registers the platform."""
    register(InsurancePlatform)
