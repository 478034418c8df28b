"""A site's own keys.

Takes the site's key folder and where its topmost keys are, gives a `Keyring`; `KeyFault` for what is missing, damaged,
open to others, or would be overwritten. A key's value is in no message, no repr, no log.

`keys/provider.json` holds the root key and the SM2 keys under a passphrase, where they are in no credential of systemd;
`keys/ring.json` all others, wrapped. Files have mode 0600, the folder 0700.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from gateway.errors import KeyFault
from gateway.vault import ring as rings
from gateway.vault import sealedfile
from gateway.vault.blind import BlindIndex
from gateway.vault.files import damaged, write_private
from gateway.vault.provider import KeyProvider, Signer
from gateway.vault.ring import Ring
from gateway.vault.seal import Sealer
from gateway.vault.sealedfile import USUAL, Cost, Material
from gateway.vault.secrets import FORMS, credential, passphrase_file, read_passphrase, refuse_open_to_others
from gateway.vault.sm import SM4_KEY_BYTES
from gateway.words import _


class KeyKind(StrEnum):
    """What a key of the ring is for."""

    #: Wraps the data keys of sealed files; several while one passes to the next, the last one seals.
    EPOCH = "epoch"
    #: Makes the blind index; of several the ledger says which is in force.
    INDEX = "index"
    #: Signs what the gateway sends.
    GATEWAY = "gateway"


class KeySettings(BaseModel):
    """`[keys]`: where the topmost keys are. The site's folder is the key folder's parent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: file: `keys/provider.json` under a passphrase; credential: of systemd, decrypted by it at the service's start.
    provider: Literal["file", "credential"] = "file"
    #: `file:…` (also outside the site), `env:…`, `credential:…`, or `prompt`.
    passphrase: str = "file:keys/passphrase"
    #: The credential's name, where the provider is one.
    credential: str = "gateway-keys"

    @field_validator("passphrase")
    @classmethod
    def _refers(cls, reference: str) -> str:
        if reference != "prompt" and not reference.startswith(FORMS):
            raise ValueError("file:…, env:…, credential:… or prompt")
        return reference


#: A new site's.
USUAL_PLACE = KeySettings()


@dataclass(frozen=True, kw_only=True)
class KeyInfo:
    """What may be shown of a key."""

    kind: KeyKind
    key_id: str
    created: date


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """A site's keys, loaded. Its repr shows ids only."""

    sealer: Sealer
    ring: Ring = field(repr=False)
    provider: KeyProvider = field(repr=False)
    #: Person keys and other keyed digests.
    index: BlindIndex = field(repr=False)

    @classmethod
    def create(cls, folder: Path, settings: KeySettings = USUAL_PLACE, cost: Cost = USUAL) -> Self:
        """New keys in the folder, which is made, or closed to others. `KeyFault` if there are keys.

        Where the passphrase is to be in a file that is not there, a random one is written into it.
        """
        for name in (rings.FILE, sealedfile.FILE):
            if (folder / name).exists():
                raise KeyFault(
                    _("密钥文件已存在,不会覆盖"),
                    where=f"{folder.name}/{name}",
                    next_step=_("要换用新密钥请用 gateway keys rotate;没有旧密钥就打不开已封存的数据"),
                )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        provider: KeyProvider
        if settings.provider == "file":
            provider = sealedfile.create(folder, _first_passphrase(folder, settings), cost)
        else:
            provider = _of_credential(settings)
        rings.create(folder / rings.FILE, provider)
        return cls._opened(folder, provider)

    @classmethod
    def load(cls, folder: Path, settings: KeySettings = USUAL_PLACE) -> Self:
        """The folder's keys. `KeyFault` for a missing or damaged file, or one that others may read."""
        refuse_open_to_others(folder, "chmod 700")
        asks = settings.provider == "file" and settings.passphrase == "prompt"
        return cls._opened(folder, _provider(folder, settings), None if asks else lambda: _provider(folder, settings))

    @classmethod
    def _opened(
        cls, folder: Path, provider: KeyProvider, reload: Callable[[], KeyProvider] | None = None
    ) -> Self:
        ring = Ring(folder / rings.FILE, provider, reload)
        ring.signing()  # refuses a ring whose provider is another's
        index = BlindIndex(ring, ring.file.index[0].key_id)
        return cls(sealer=Sealer(epochs=ring), ring=ring, provider=provider, index=index)

    @property
    def signing_key(self) -> Signer:
        """The key that signs today. Raises KeyFault."""
        return self.ring.signing()

    def ids(self) -> list[KeyInfo]:
        """Kind, id and date of each key, oldest first; never a key."""
        file = self.ring.file
        kinds = {KeyKind.EPOCH: file.epochs, KeyKind.INDEX: file.index, KeyKind.GATEWAY: file.signing}
        return [
            KeyInfo(kind=kind, key_id=one.key_id, created=one.created.astimezone().date())
            for kind, entries in kinds.items()
            for one in entries
        ]

    def person_digest(self, values: Iterable[str]) -> list[int]:
        """A number in [0, 2^63) for each string: HMAC-SM3 under the index key in force, its first 63 bits.

        The same string gives the same number on this site and another one elsewhere. Bring the strings into
        one form first (NFKC, upper case, 18 digits): a digest does not forgive.
        """
        return self.index.digests(values)


def _provider(folder: Path, settings: KeySettings) -> KeyProvider:
    if settings.provider == "credential":
        return _of_credential(settings)
    refuse_open_to_others(folder / sealedfile.FILE, "chmod 600")  # before a passphrase is asked for
    return sealedfile.load(folder, read_passphrase(settings.passphrase, folder.parent))


def key_material(folder: Path, settings: KeySettings) -> bytes:
    """The root key and the signing keys in the clear, JSON: for `systemd-creds encrypt`, and nothing else.

    `KeyFault` where they are in no file under a passphrase.
    """
    return sealedfile.material_of(folder, _passphrase(folder, settings)).plain()


def new_passphrase(folder: Path, settings: KeySettings, new: str, cost: Cost = USUAL) -> Callable[[], None]:
    """What puts the passphrase behind another reference on the site's keys, when it is called. `KeyFault` as above, and
    for a passphrase that cannot be read, before that."""
    old, wanted = _passphrase(folder, settings), read_passphrase(new, folder.parent)
    sealedfile.material_of(folder, old)
    return lambda: sealedfile.change_passphrase(folder, old, wanted, cost)


def new_signing_key(folder: Path, settings: KeySettings, index: int) -> KeyProvider:
    """The provider with a signing key of that index, made where there is none. `KeyFault` where the keys are in no
    file: then whoever keeps them adds one, as `docs/operations.md` says."""
    if settings.provider != "file":
        return _of_credential(settings)
    return sealedfile.change_signing(folder, _passphrase(folder, settings), add=index)


def drop_signing_key(folder: Path, settings: KeySettings, index: int) -> None:
    """The private half of a signing key goes. `KeyFault` as `key_material`."""
    sealedfile.change_signing(folder, _passphrase(folder, settings), drop=index)


def _passphrase(folder: Path, settings: KeySettings) -> SecretStr:
    if settings.provider != "file":
        step = _("只有 [keys] provider 为 file 的站点才有口令文件")
        raise KeyFault(_("根密钥不在口令保护的文件中"), next_step=step)
    return read_passphrase(settings.passphrase, folder.parent)


def _first_passphrase(folder: Path, settings: KeySettings) -> SecretStr:
    path = passphrase_file(settings.passphrase, folder.parent)
    if path is not None and not path.exists():
        try:
            write_private(path, secrets.token_hex(SM4_KEY_BYTES) + "\n")
        except OSError as fault:
            what = _("无法写入口令文件:{reason}").format(reason=fault.strerror)
            raise KeyFault(what, where=str(path), next_step=_("请检查 [keys] passphrase 的路径和权限")) from None
    return read_passphrase(settings.passphrase, folder.parent)


def _of_credential(settings: KeySettings) -> KeyProvider:
    try:
        material = Material.model_validate_json(credential(settings.credential).read_bytes())
    except OSError:
        what, step = _("读不到 systemd 凭据"), _("请核对服务单元的 LoadCredentialEncrypted 与 [keys] credential")
        raise KeyFault(what, where=settings.credential, next_step=step) from None
    except ValidationError:
        raise damaged(settings.credential) from None
    return material.provider("credential", settings.credential)
