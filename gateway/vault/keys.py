"""A site's own keys, and the secrets that its configuration refers to.

Takes the site's folder, gives a `Keyring` and secrets that hide themselves; `KeyFault` for what is missing,
damaged, open to others, or would be overwritten. A key's value is in no message, no repr, no log.

`keys/site.json` holds the key that wraps the data keys of sealed files, and the key of the blind index;
`keys/gateway.sm2.json` the SM2 key the gateway signs with. Files have mode 0600, the folder 0700.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from gateway.errors import KeyFault
from gateway.vault.header import SiteKey
from gateway.vault.seal import Sealer
from gateway.vault.sm import SM4_KEY_BYTES, Sm2PrivateKey, Sm3Keyed, sm3_hex
from gateway.vault.streams import sync_folder
from gateway.words import _

SITE_FILE = "site.json"
GATEWAY_FILE = "gateway.sm2.json"
#: SM3's own length: RFC 2104 advises a key no shorter than the digest.
INDEX_KEY_BYTES = 32
#: 16 hex digits, the room that a seal has for it.
KEY_ID_BYTES = 8


class KeyKind(StrEnum):
    """What a key of the ring is for."""

    #: Wraps the data keys of sealed files, and makes the blind index.
    SITE = "site"
    #: Signs what the gateway sends.
    GATEWAY = "gateway"


@dataclass(frozen=True, kw_only=True)
class KeyInfo:
    """What may be shown of a key."""

    kind: KeyKind
    key_id: str
    created: date


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key_id: str
    created: date


class _SiteFile(_KeyFile):
    sm4_key: SecretStr
    index_key: SecretStr


class _GatewayFile(_KeyFile):
    private_key: SecretStr
    public_key: str


_Shape = TypeVar("_Shape", bound=_KeyFile)


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """A site's keys, loaded. Its repr shows ids only."""

    sealer: Sealer
    signing_key: Sm2PrivateKey
    _index: Sm3Keyed = field(repr=False)
    _infos: tuple[KeyInfo, ...] = field(repr=False)

    @classmethod
    def create(cls, folder: Path) -> Self:
        """New keys in the folder, which is made, or closed to others. `KeyFault` if there are keys."""
        for name in (SITE_FILE, GATEWAY_FILE):
            if (folder / name).exists():
                raise KeyFault(
                    _("密钥文件已存在,不会覆盖"),
                    where=f"{folder.name}/{name}",
                    next_step=_("要换用新密钥,请先把旧文件移到安全处备份;没有旧密钥就打不开已封存的数据"),
                )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        today, signing = datetime.now(UTC).astimezone().date().isoformat(), Sm2PrivateKey.generate()
        site = {
            "key_id": secrets.token_hex(KEY_ID_BYTES),
            "created": today,
            "sm4_key": secrets.token_hex(SM4_KEY_BYTES),
            "index_key": secrets.token_hex(INDEX_KEY_BYTES),
        }
        _write_private(folder / SITE_FILE, site)
        _write_private(
            folder / GATEWAY_FILE,
            {
                "key_id": _key_id_of(signing),
                "created": today,
                "private_key": signing.hex,
                "public_key": signing.public.hex,
            },
        )
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The folder's keys. `KeyFault` for a missing or damaged file, or one that others may read."""
        _refuse_open_to_others(folder, "chmod 700")
        site = _read(_SiteFile, folder / SITE_FILE)
        gateway = _read(_GatewayFile, folder / GATEWAY_FILE)
        sealing = _key_bytes(site.sm4_key, SM4_KEY_BYTES, SITE_FILE)
        signing = Sm2PrivateKey.from_hex(gateway.private_key.get_secret_value())
        if (signing.public.hex, _key_id_of(signing)) != (gateway.public_key, gateway.key_id):
            raise _damaged(GATEWAY_FILE)
        return cls(
            sealer=Sealer(site=SiteKey(key_id=site.key_id, key=sealing)),
            signing_key=signing,
            _index=Sm3Keyed(key=_key_bytes(site.index_key, INDEX_KEY_BYTES, SITE_FILE)),
            _infos=(
                KeyInfo(kind=KeyKind.SITE, key_id=site.key_id, created=site.created),
                KeyInfo(kind=KeyKind.GATEWAY, key_id=gateway.key_id, created=gateway.created),
            ),
        )

    def ids(self) -> list[KeyInfo]:
        """Kind, id and date of each key; never a key."""
        return list(self._infos)

    def person_digest(self, values: Iterable[str]) -> list[int]:
        """A number in [0, 2^63) for each string: HMAC-SM3 under the site's index key, its first 63 bits.

        The same string gives the same number on this site and another one elsewhere. Bring the strings into
        one form first (NFKC, upper case, 18 digits): a digest does not forgive.
        """
        digest, number = self._index.digest, int.from_bytes
        return [number(digest(value.encode())[:8], "big") >> 1 for value in values]


def read_secret(reference: str, site: Path) -> SecretStr:
    """The secret behind `file:keys/x` (a path inside the site's folder, one line end cut) or `env:NAME`.

    `KeyFault` for any other form (without repeating it: it may be the secret), for a secret that is missing
    or empty, and for a file that others may read.
    """
    form, _colon, rest = reference.partition(":")
    if form == "env" and rest:
        return SecretStr(_secret_of_environment(rest))
    path = PurePosixPath(rest)
    if form == "file" and rest and not path.is_absolute() and ".." not in path.parts:
        return SecretStr(_secret_of_file(site / path, rest))
    raise KeyFault(
        _("密钥的写法不对"),
        next_step=_("只能写 file:keys/文件名(相对于站点目录)或 env:环境变量名,不能直接写密钥"),
    )


def _secret_of_environment(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise KeyFault(_("环境变量没有设置或为空"), where=name, next_step=_("请在启动网关前设置该环境变量"))


def _secret_of_file(path: Path, name: str) -> str:
    _refuse_open_to_others(path, "chmod 600", name)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise KeyFault(
            _("密钥文件读不出来或不是 UTF-8 文本"), where=name, next_step=_("请核对该文件")
        ) from None
    if secret := text.removesuffix("\n").removesuffix("\r"):
        return secret
    raise KeyFault(_("密钥文件是空的"), where=name, next_step=_("请把密钥写入该文件"))


def _refuse_open_to_others(path: Path, command: str, name: str = "") -> None:
    name = name or path.name
    try:
        mode = path.stat().st_mode
    except OSError:
        raise KeyFault(
            _("密钥文件或目录不存在,或无权读取"), where=name, next_step=_("请核对路径;新站点请先生成密钥")
        ) from None
    if mode & 0o077:
        raise KeyFault(
            _("其他用户也能读取密钥"),
            where=name,
            next_step=_("请执行 {command} {path}").format(command=command, path=path),
        )


def _read(shape: type[_Shape], path: Path) -> _Shape:
    _refuse_open_to_others(path, "chmod 600")
    try:
        return shape.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise _damaged(path.name) from None


def _key_bytes(secret: SecretStr, length: int, name: str) -> bytes:
    try:
        raw = bytes.fromhex(secret.get_secret_value())
    except ValueError:
        raise _damaged(name) from None
    if len(raw) != length:
        raise _damaged(name)
    return raw


def _damaged(name: str) -> KeyFault:
    return KeyFault(_("密钥文件已损坏或格式不对"), where=name, next_step=_("请从备份恢复该文件"))


def _key_id_of(key: Sm2PrivateKey) -> str:
    """SM3 of the public key, its first 16 hex digits: whoever has the public key can work the id out."""
    return sm3_hex(bytes.fromhex(key.public.hex))[: 2 * KEY_ID_BYTES]


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
