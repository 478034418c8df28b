"""Common ways in which departments say that a delivery is complete: marker files, manifests, lists of digests."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.errors import DeliveryRefused
from gateway.model.jsons import json_of
from gateway.words import _

#: A line of coreutils' sha256sum: digest, blank, mode mark, name; of one that was given as `./name`, with that.
_SUM = re.compile(r"^\\?([0-9a-fA-F]{64}) [ *](?:\./)*(.+)$")


def marked(names: Iterable[str], *, marker: str, pattern: str) -> list[str]:
    """Stems that match the pattern and whose marker file is there, in order of their names."""
    whole = re.compile(pattern)
    return sorted(
        n.removesuffix(marker)
        for n in names
        if n.endswith(marker) and whole.fullmatch(n.removesuffix(marker))
    )


def read_manifest_json(raw: bytes, where: str) -> Mapping[str, Any]:  # JSON from outside
    """A manifest's JSON object. Raises DeliveryRefused(bad_manifest)."""
    try:
        data = json_of(raw)
    except (ValueError, RecursionError) as fault:
        raise bad_manifest(where) from fault
    if not isinstance(data, dict):
        raise bad_manifest(where)
    return data


def read_sums(raw: bytes, where: str) -> dict[str, str]:
    """name -> SHA-256 of a SHA256SUMS file. Raises DeliveryRefused(bad_manifest) for any other line, or a path."""
    sums: dict[str, str] = {}
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as fault:
        raise bad_manifest(where) from fault
    for line in filter(None, (line.strip() for line in lines)):
        match = _SUM.match(line)
        if not match or "/" in match[2] or match[2] in sums:
            raise bad_manifest(where)
        sums[match[2]] = match[1].lower()
    return sums


def bad_manifest(where: str) -> DeliveryRefused:
    """The error of a manifest that is not what the contract says."""
    what = _("清单文件的内容与约定不符")
    return DeliveryRefused(what, where=where, next_step=_("请来源单位重新生成清单"), code="bad_manifest")
