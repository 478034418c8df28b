"""Certificates of destruction: which keys and files are gone for good, signed by the gateway.

One JSON file each, in `var/certificates`: what it says, and an SM2 signature over the bytes of that. Whoever has the
gateway's public key can check it without the site. It names keys and files, and nobody.
"""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.site import Site
from gateway.vault import Sm2PublicKey
from gateway.vault.ring import key_id_of
from gateway.vault.streams import sync_folder

FOLDER = "certificates"


def certify(site: Site, kind: str, **says: Any) -> str:  # JSON
    """Writes a certificate and returns its file's name; on the disk when this returns.

    `kind`: what was destroyed: `epoch`, `index`, `signing` (keys), or `files`.
    """
    folder = site.settings.var / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    at = datetime.now(UTC).replace(microsecond=0)
    said = json.dumps({"kind": kind, "at": at.isoformat(), **says}, ensure_ascii=False, sort_keys=True)
    key = site.keyring.signing_key
    content = {
        "says": said,
        "signature": key.sign(said.encode()).hex(),
        "key_id": key_id_of(key.public.hex),
        "public_key": key.public.hex,
    }
    name = f"{at:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(4)}.json"
    with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    return name


def certified(path: Path, public_key: str) -> Mapping[str, Any] | None:  # JSON
    """What a certificate says; None where it was changed, or another key than this one (128 hex digits) signed it."""
    content = json.loads(path.read_text("utf-8"))
    said: str = content["says"]
    key = Sm2PublicKey.from_hex(public_key)
    good = key.verify(bytes.fromhex(content["signature"]), said.encode())
    return dict(json.loads(said)) if good else None
