"""How a connection to an HTTP peer is protected: TLS with the peer's certificate checked, or what a site names instead.

Takes what the site says of a peer; gives a context for TLS 1.2 or newer, in which a certificate that is expired, of
another name or of another authority ends the connection. Refuses, with SettingsFault, plain HTTP to another machine
unless something is named that protects it, and files that are no certificates. See
docs/decisions/0074-channels.md.
"""

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from gateway.errors import SettingsFault
from gateway.words import _


@dataclass(frozen=True, kw_only=True)
class Protection:
    """What protects the connections to one peer."""

    #: PEM file of the authorities to trust; None = those that browsers trust.
    ca_file: Path | None = None
    #: PEM files of our own certificate and its key, where the peer wants to know us; None = it does not.
    certificate: Path | None = None
    key: Path | None = None
    #: What protects plain HTTP on its way, in the site's words; "" = nothing.
    channel: str = ""


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine by its very form; nothing is looked up."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_of(base: str) -> str:
    """The host of an address; "" where it is none."""
    try:
        return urlsplit(base).hostname or ""
    except ValueError:
        return ""


def is_bare(base: str) -> bool:
    """Whether an address means plain HTTP to another machine. One that cannot be read is not said to be so."""
    return base.lower().startswith("http:") and not is_loopback(host_of(base))


def protected(base: str, protection: Protection, where: str) -> ssl.SSLContext:
    """The context for connections to the base. Raises SettingsFault."""
    if is_bare(base) and not protection.channel.strip():
        step = _("请改用 https://;通道由国密 VPN 等保护时,在该段写明 channel")
        raise SettingsFault(_("http:// 不加密,只允许连接本机"), where=where, next_step=step)
    # Not create_default_context: it writes the keys of each connection where SSLKEYLOGFILE says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if protection.ca_file or not base.lower().startswith("http:"):  # where there is no TLS nobody is trusted
            context.load_verify_locations(protection.ca_file or certifi.where())
        if protection.certificate:
            context.load_cert_chain(protection.certificate, protection.key)
    except OSError as fault:  # ssl.SSLError is one
        what = _("证书、密钥或 CA 文件读不到,或不是 PEM,或密钥与证书不符")
        raise SettingsFault(what, where=where, next_step=_("请核对 ca_file、client_certificate、client_key")) from fault
    return context


def distrust(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was not accepted, as a sentence."""
    return _WHY.get(error.verify_code, _("对方的 TLS 证书未通过验证"))


#: By OpenSSL's X509_V_ERR codes.
_WHY = {
    9: _("对方的 TLS 证书尚未生效(或本机时间不对)"),
    10: _("对方的 TLS 证书已过期"),
    18: _("对方的 TLS 证书是自签的"),
    19: _("对方的 TLS 证书由不受信任的 CA 签发"),
    20: _("对方的 TLS 证书由不受信任的 CA 签发"),
    21: _("对方的 TLS 证书由不受信任的 CA 签发"),
    62: _("对方的 TLS 证书不是这个主机名的"),
    64: _("对方的 TLS 证书不是这个 IP 地址的"),
}
