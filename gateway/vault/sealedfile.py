"""The provider whose keys rest in a file under a passphrase: `keys/provider.json`, Argon2id and SM4-GCM.

Takes the file and the passphrase, gives a `SoftProvider`; makes such a file, and puts another passphrase on it.
`KeyFault` for a file that is missing, damaged or open to others, and for another passphrase: the two look alike.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateway.errors import KeyFault, SealBroken
from gateway.vault.files import alone, damaged, key_bytes, write_private
from gateway.vault.provider import FIRST_INDEX, SoftHandle, SoftProvider
from gateway.vault.secrets import refuse_open_to_others
from gateway.vault.sm import SM4_KEY_BYTES, Sm2PrivateKey
from gateway.words import _

FILE = "provider.json"
KIND = "file"
_SALT_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one guess at a passphrase costs (RFC 9106). Stands in the file, so that it may be another for the next."""

    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 4


#: RFC 9106's second choice, for a machine that has other work: a third of a second here.
USUAL = Cost()
#: The least that Argon2id allows: for tests, and where the passphrase is 128 random bits anyway.
CHEAPEST = Cost(memory_kib=8, iterations=1, lanes=1)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Sealed(_Strict):
    """The file. A cost past these bounds is no cost but an attack on this machine."""

    form: Annotated[str, Field(pattern="^argon2id-sm4-gcm$")]
    memory_kib: Annotated[int, Field(ge=8, le=4 << 20)]
    iterations: Annotated[int, Field(ge=1, le=1000)]
    lanes: Annotated[int, Field(ge=1, le=64)]
    salt: str
    sealed: str


class Material(_Strict):
    """What lies in it, and what a credential of systemd holds in the clear."""

    root: SecretStr
    #: Key pairs of signing keys by index, 192 hex digits: scalar and public point.
    signing: dict[int, SecretStr]

    @classmethod
    def new(cls) -> "Material":
        """A new root key and a first signing key."""
        signing = {FIRST_INDEX: SecretStr(Sm2PrivateKey.generate().pair_hex)}
        return cls(root=SecretStr(secrets.token_hex(SM4_KEY_BYTES)), signing=signing)

    def provider(self, kind: str, where: str) -> SoftProvider:
        """The provider of these keys. KeyFault where one of them is none."""
        root = key_bytes(self.root, SM4_KEY_BYTES, where)
        signing = {index: Sm2PrivateKey.from_hex(key.get_secret_value()) for index, key in self.signing.items()}
        return SoftProvider(kind=kind, root=root, signing=signing)

    def plain(self) -> bytes:
        """The keys as JSON in the clear: for a seal, or a credential, and nothing else."""
        signing = {str(index): key.get_secret_value() for index, key in self.signing.items()}
        return json.dumps({"root": self.root.get_secret_value(), "signing": signing}).encode()


def create(folder: Path, passphrase: SecretStr, cost: Cost) -> SoftProvider:
    """New keys in the folder, under the passphrase. The file must not be there."""
    material = Material.new()
    write_private(folder / FILE, _sealed(material, passphrase, cost))
    return material.provider(KIND, FILE)


def load(folder: Path, passphrase: SecretStr) -> SoftProvider:
    """The provider of the file."""
    return material_of(folder, passphrase).provider(KIND, FILE)


def material_of(folder: Path, passphrase: SecretStr) -> Material:
    """What lies in the file: to be handed to another provider."""
    path = folder / FILE
    refuse_open_to_others(path, "chmod 600")
    try:
        file = _Sealed.model_validate_json(path.read_bytes())
        salt, sealed = bytes.fromhex(file.salt), bytes.fromhex(file.sealed)
    except (OSError, ValueError):  # pydantic's fault is a ValueError
        raise damaged(FILE) from None
    try:
        plain = SoftHandle(key=_stretched(passphrase, salt, file)).unwrap(sealed, _bound(file))
        return Material.model_validate_json(plain)
    except SealBroken:
        what = _("口令不对,或密钥文件已损坏")
        step = _("请核对 [keys] passphrase 指向的口令;文件损坏时从备份恢复")
        raise KeyFault(what, where=FILE, next_step=step) from None
    except ValidationError:
        raise damaged(FILE) from None


def change_passphrase(folder: Path, old: SecretStr, new: SecretStr, cost: Cost) -> None:
    """The same keys under another passphrase. The file is replaced as a whole, or not at all."""
    with alone(folder):
        write_private(folder / FILE, _sealed(material_of(folder, old), new, cost), replace=True)


def change_signing(
    folder: Path, passphrase: SecretStr, *, add: int | None = None, drop: int | None = None
) -> SoftProvider:  # fmt: skip
    """A new signing key under that index, unless there is one; or none any more. The file is replaced as a whole."""
    with alone(folder):
        material, cost = material_of(folder, passphrase), _cost(folder)
        signing = {index: key for index, key in material.signing.items() if index != drop}
        if add is not None and add not in signing:
            signing[add] = SecretStr(Sm2PrivateKey.generate().pair_hex)
        now = Material(root=material.root, signing=signing)
        write_private(folder / FILE, _sealed(now, passphrase, cost), replace=True)
    return now.provider(KIND, FILE)


def _cost(folder: Path) -> Cost:
    file = _Sealed.model_validate_json((folder / FILE).read_bytes())
    return Cost(memory_kib=file.memory_kib, iterations=file.iterations, lanes=file.lanes)


def _sealed(material: Material, passphrase: SecretStr, cost: Cost) -> dict[str, str | int]:
    salt = secrets.token_bytes(_SALT_BYTES)
    head: dict[str, str | int] = {
        "form": "argon2id-sm4-gcm",
        "memory_kib": cost.memory_kib,
        "iterations": cost.iterations,
        "lanes": cost.lanes,
        "salt": salt.hex(),
    }
    file = _Sealed.model_validate({**head, "sealed": ""})
    sealed = SoftHandle(key=_stretched(passphrase, salt, file)).wrap(material.plain(), _bound(file))
    return {**head, "sealed": sealed.hex()}


def _stretched(passphrase: SecretStr, salt: bytes, file: _Sealed) -> bytes:
    try:
        stretching = Argon2id(
            salt=salt,
            length=SM4_KEY_BYTES,
            iterations=file.iterations,
            lanes=file.lanes,
            memory_cost=file.memory_kib,
        )
        return stretching.derive(passphrase.get_secret_value().encode())
    except UnsupportedAlgorithm:
        step = _("请安装 cryptography 官方发行的安装包")
        raise KeyFault(_("本机的密码库不支持 Argon2id"), next_step=step) from None
    except ValueError:  # a salt of another length, less memory than lanes need
        raise damaged(FILE) from None


def _bound(file: _Sealed) -> bytes:
    return f"{file.form}|{file.memory_kib}|{file.iterations}|{file.lanes}|{file.salt}".encode()
