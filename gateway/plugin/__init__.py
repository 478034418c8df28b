"""What a plugin's author imports, and nothing else: `from gateway.plugin import …`. See docs/plugins.md."""

from gateway.errors import DeliveryRefused, PeerBroken, TryLater
from gateway.model.deliveries import Manifest, Mode, PartPromise
from gateway.peers.exports import fetch_export
from gateway.peers.pages import FederationPages, read_pages
from gateway.peers.signing import BearerToken, TaxSigner
from gateway.plugin.api import (
    Fetched,
    HttpOptions,
    Offer,
    Platform,
    PlatformSession,
    PluginOptions,
    Receipt,
    Session,
    SftpOptions,
    Source,
)
from gateway.plugin.forms import (
    csv_receipt,
    json_lines,
    now,
    random_nonce,
    sheet_receipt,
    sm2_public_key,
    zip_aes,
)
from gateway.plugin.hookspecs import hookimpl
from gateway.plugin.listing import marked, read_manifest_json, read_sums
from gateway.words import _

__all__ = [
    "BearerToken",
    "DeliveryRefused",
    "FederationPages",
    "Fetched",
    "HttpOptions",
    "Manifest",
    "Mode",
    "Offer",
    "PartPromise",
    "PeerBroken",
    "Platform",
    "PlatformSession",
    "PluginOptions",
    "Receipt",
    "Session",
    "SftpOptions",
    "Source",
    "TaxSigner",
    "TryLater",
    "_",
    "csv_receipt",
    "fetch_export",
    "hookimpl",
    "json_lines",
    "marked",
    "now",
    "random_nonce",
    "read_manifest_json",
    "read_pages",
    "read_sums",
    "sheet_receipt",
    "sm2_public_key",
    "zip_aes",
]
