"""Verification of a delivery, and its sealed originals."""

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyzipper
from pydantic import SecretStr

from gateway.errors import DeliveryRefused
from gateway.model.deliveries import LandedFile, Landing, Manifest, PartPromise
from gateway.vault import Sealer
from gateway.vault.sm import sm3_hex, sm3_new
from gateway.vault.streams import sync_folder
from gateway.words import _

#: Bytes that all members of one archive may unpack to; a city's largest list is about 200 MB.
UNPACKED_LIMIT = 4 << 30
#: Unpacked to packed bytes; plain text of lists reaches about 15.
RATIO_LIMIT = 200
#: Members of one archive.
MEMBERS_LIMIT = 200
_BLOCK = 1 << 20
#: Stored and deflated: what the contract's tools write, and what is unpacked a piece at a time. bz2 and LZMA turn a few
#: bytes into gigabytes in one go.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
#: What zipfile and pyzipper raise for an archive that is none, or is damaged.
_BROKEN = (
    zipfile.BadZipFile,
    pyzipper.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    LookupError,
    ValueError,
)


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A verified delivery."""

    landing: Landing
    #: part name -> path of the sealed file that holds its plain bytes.
    parts: Mapping[str, Path]


def land(
    *,
    instance: str,
    plugin: str,
    manifest: Manifest,
    originals: Sequence[LandedFile],
    archive: tuple[str, str, str, SecretStr] | None,
    sealer: Sealer,
    folder: Path,
) -> Landed:
    """Verifies the originals, which lie in `folder` already, whatever becomes of them. Unpacks an archive there.

    Raises DeliveryRefused with a stable code.
    """
    files = list(originals)
    if archive is not None:
        name, digest, algorithm, password = archive
        packed = next(f for f in files if f.name == name)
        _check_digest(sealer, folder, packed, digest, algorithm)
        files += _unpack(sealer, folder, folder / packed.sealed, manifest.parts, password)
    by_name = {f.name: f for f in files}
    for part in manifest.parts:
        if part.digest:
            _check_digest(sealer, folder, by_name[part.name], part.digest, part.algorithm)
    content = "\n".join([str(manifest.business_date), manifest.mode, *sorted(f"{f.name} {f.digest}" for f in files)])
    landing = Landing(
        instance=instance,
        plugin=plugin,
        manifest=manifest,
        files=tuple(files),
        content_digest=sm3_hex(content.encode()),
    )
    return Landed(landing=landing, parts={p.name: folder / by_name[p.name].sealed for p in manifest.parts})


def keep_original(sealer: Sealer, folder: Path, name: str, partial: Path) -> LandedFile:
    """Moves a finished sealed part into the archive, under the digest of its sealed bytes."""
    digest, size = sm3_new(), 0
    with sealer.open(partial) as reader:
        for block in _blocks(reader):
            digest.update(block)
            size += len(block)
    return _archived(folder, partial, name, digest.hexdigest(), size)


def _archived(folder: Path, partial: Path, name: str, digest: str, size: int) -> LandedFile:
    """Moves a finished sealed part; `digest` (SM3) and `size` are those of its plain bytes."""
    sealed = sm3_new()
    with partial.open("rb") as stream:
        for block in _blocks(stream):
            sealed.update(block)
    target = f"{sealed.hexdigest()}.sealed"
    os.replace(partial, folder / target)
    sync_folder(folder)
    return LandedFile(name=name, sealed=target, digest=digest, size=size)


def keep_bytes(sealer: Sealer, folder: Path, name: str, content: bytes) -> LandedFile:
    """Seals a small file into the archive: a manifest, a list of digests."""
    partial = folder / f".{sm3_hex(name.encode())[:32]}.part"
    with sealer.create(partial) as writer:
        writer.write(content)
    return keep_original(sealer, folder, name, partial)


def _blocks(stream: object) -> Iterator[bytes]:
    read = stream.read  # type: ignore[attr-defined]  # any binary stream
    while block := read(_BLOCK):
        yield block


def _check_digest(sealer: Sealer, folder: Path, file: LandedFile, expected: str, algorithm: str) -> None:
    # SM3 is known since the file was sealed; to open a large one once more takes as long as to read it.
    actual = file.digest if algorithm == "sm3" else _digest(sealer, folder / file.sealed, algorithm)
    if actual != expected:
        what = _("文件的 {algorithm} 摘要与清单不符").format(algorithm=algorithm.upper())
        raise _refused("digest_differs", what, file.name, _("文件可能在传输或生成时损坏,请来源单位重新提供"))


def _digest(sealer: Sealer, path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with sealer.open(path) as reader:
        for block in _blocks(reader):
            digest.update(block)
    return digest.hexdigest()


def _refused(code: str, what: str, where: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=where, next_step=next_step, code=code)


def _unpack(
    sealer: Sealer, folder: Path, archive: Path, promises: Sequence[PartPromise], password: SecretStr
) -> list[LandedFile]:
    """The promised members, each sealed. Refuses paths, bombs, a wrong password, and members nobody promised."""
    name = promises[0].name if promises else ""
    with sealer.open(archive) as reader:
        try:
            with pyzipper.AESZipFile(reader) as zipped:
                zipped.setpassword(password.get_secret_value().encode())
                infos = [info for info in zipped.infolist() if not info.is_dir()]
                _check_members(infos, promises)
                members = {info.filename: info for info in infos}
                return [_member(sealer, folder, zipped, members[p.name]) for p in promises]
        except _BROKEN as fault:
            raise _refused("bad_archive", _("压缩包损坏"), name, _("请来源单位重新提供")) from fault
        except RuntimeError as fault:  # pyzipper's word for a wrong password
            step = _("请核对 gateway.toml 中 zip_password 指向的口令,或请来源单位确认口令")
            raise _refused("wrong_password", _("压缩包口令不对"), name, step) from fault


def _check_members(infos: Sequence[zipfile.ZipInfo], promises: Sequence[PartPromise]) -> None:
    names = [info.filename for info in infos]
    step = _("请来源单位检查压缩包后重新提供")
    if any(n.startswith(("/", "\\")) or ".." in n.replace("\\", "/").split("/") or ":" in n for n in names):
        raise _refused("bad_archive", _("压缩包内含越界路径"), _("压缩包"), step)
    size, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if len(infos) > MEMBERS_LIMIT or size > UNPACKED_LIMIT or size > RATIO_LIMIT * max(packed, 1 << 16):
        raise _refused("bomb", _("压缩包解压后异常巨大"), _("压缩包"), step)
    if any(info.compress_type not in _METHODS for info in infos):
        raise _refused("bad_archive", _("压缩包用了约定之外的压缩方法"), _("压缩包"), step)
    if sorted(names) != sorted(p.name for p in promises):
        raise _refused("bad_archive", _("压缩包内的文件与清单不符"), _("压缩包"), step)


def _member(sealer: Sealer, folder: Path, zipped: pyzipper.AESZipFile, info: zipfile.ZipInfo) -> LandedFile:
    """One member, sealed as it is read; what a header says of its size is not believed."""
    partial = folder / f".{sm3_hex(info.filename.encode())[:32]}.part"
    digest, size = sm3_new(), 0
    with sealer.create(partial) as writer, zipped.open(info) as member:
        for block in _blocks(member):
            size += len(block)
            if size > info.file_size or size > UNPACKED_LIMIT:
                raise _refused("bomb", _("压缩包解压后异常巨大"), info.filename, _("请来源单位检查压缩包"))
            writer.write(block)
            digest.update(block)
    return _archived(folder, partial, info.filename, digest.hexdigest(), size)
