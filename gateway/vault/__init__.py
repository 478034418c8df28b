"""Keys, seals and signatures: the one room with key material, and the one door to cryptography.

Takes a site's key folder, plain bytes and frames; gives a `Keyring`, seals, signatures and keyed digests.
Refuses with `KeyFault` (a key is missing, damaged, or open to others) and `SealBroken` (a seal does not
open). SM2, SM3 and SM4 only, but for the passphrase of the keys, which Argon2id stretches (`sealedfile`), and for what
leaves for a clerk's WPS or Excel, which is locked as these can open it (`office`). Every seal names its algorithm and
its key.
"""

from gateway.vault.frames import read_sealed_frame, read_sealed_rows, write_sealed_frame
from gateway.vault.keys import USUAL_PLACE, KeyInfo, KeyKind, Keyring, KeySettings
from gateway.vault.provider import Signer
from gateway.vault.seal import Sealer
from gateway.vault.secrets import read_secret
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey, sm3_hex, sm3_new, sm4_gcm_open, sm4_gcm_seal
from gateway.vault.streams import SealedReader, SealedWriter

__all__ = [
    "USUAL_PLACE",
    "KeyInfo",
    "KeyKind",
    "KeySettings",
    "Keyring",
    "SealedReader",
    "SealedWriter",
    "Sealer",
    "Signer",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "read_sealed_frame",
    "read_sealed_rows",
    "read_secret",
    "sm3_hex",
    "sm3_new",
    "sm4_gcm_open",
    "sm4_gcm_seal",
    "write_sealed_frame",
]
