"""Verification of a delivery, and its sealed originals."""

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyzipper
from pydantic import SecretStr

from gateway.errors import DeliveryRefused
from gateway.model.archives import listed
from gateway.model.deliveries import LandedFile, Landing, Manifest, PartPromise
from gateway.peers.sink import Digest
from gateway.vault import Sealer
from gateway.vault.sm import sm3_hex, sm3_new
from gateway.vault.streams import sealed_digest, sync_folder
from gateway.words import _

#: Bytes that all members of one archive may unpack to; a city's largest list is about 200 MB.
UNPACKED_LIMIT = 4 << 30
#: Unpacked to packed bytes; plain text of lists reaches about 15.
RATIO_LIMIT = 200
#: Members of one archive.
MEMBERS_LIMIT = 200
_BLOCK = 1 << 20
#: Bit of a member's flags: its name is UTF-8 (APPNOTE 4.4.4).
_UTF8_NAME = 0x800
#: Stored and deflated: what the contract's tools write, and what is unpacked a piece at a time. bz2 and LZMA turn a few
#: bytes into gigabytes in one go.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
#: What zipfile and pyzipper raise for an archive that is none, or is damaged.
BROKEN_ARCHIVE = (
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
    #: part name -> gives its plain bytes, out of the sealed original each time.
    parts: Mapping[str, Callable[[], bytes]]
    #: Parts that are not what was promised, where each speaks for its own scope only.
    broken: Sequence[tuple[PartPromise, DeliveryRefused]] = ()


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
    """Verifies the originals, which lie in `folder` already, whatever becomes of them, and an archive's members.

    Members stay in the archive: each is a file of the landing that rests in the archive's sealed file.
    Raises DeliveryRefused with a stable code; for a part that speaks for its own scope only, tells it.
    """
    files = list(originals)
    by_name = {f.name: f for f in files}
    if archive is not None:
        name, digest, algorithm, password = archive
        packed = by_name[name]
        opened = _Archive(sealer=sealer, path=folder / packed.sealed, password=password)
        _check_digest(packed, digest, algorithm, partial(_opened, sealer, opened.path))
        files += opened.members(manifest.parts, packed.sealed)
        read = {p.name: partial(opened.read, p.name) for p in manifest.parts}
    else:
        came = [p.name for p in manifest.parts if p.name in by_name]
        read = {name: partial(_opened, sealer, folder / by_name[name].sealed) for name in came}
    broken = _broken(manifest.parts, {f.name: f for f in files}, read)
    content = "\n".join([str(manifest.business_date), manifest.mode, *sorted(f"{f.name} {f.digest}" for f in files)])
    landing = Landing(
        instance=instance,
        plugin=plugin,
        manifest=manifest,
        files=tuple(files),
        content_digest=sm3_hex(content.encode()),
    )
    return Landed(landing=landing, parts=read, broken=broken)


def _broken(
    parts: Sequence[PartPromise], files: Mapping[str, LandedFile], read: Mapping[str, Callable[[], bytes]]
) -> list[tuple[PartPromise, DeliveryRefused]]:
    """Parts that are missing, or another file than the promised one. Raises where one speaks for the whole list."""
    broken = []
    for part in parts:
        try:
            if part.name not in files:
                what, step = _("清单列出的文件 {name} 没有收到"), _("请来源单位补交;补齐后自动处理")
                raise _refused("part_missing", what.format(name=part.name), part.name, step)
            if part.digest:
                _check_digest(files[part.name], part.digest, part.algorithm, read[part.name])
        except DeliveryRefused as fault:
            if not part.scope:
                raise
            broken.append((part, fault))
    return broken


def keep_original(sealer: Sealer, folder: Path, name: str, part: Path, digest: str = "") -> LandedFile:
    """Moves a finished sealed part into the archive, under its `sealed_digest`.

    `digest` is the SM3 of its plain bytes, where it was taken as they came; else they are read for it. Raises
    SealBroken for a part that was never finished.
    """
    with sealer.open(part) as reader:
        size, known = reader.plain_size, digest or _digest_of(reader, sm3_new())
    target = f"{sealed_digest(part)}.sealed"
    os.replace(part, folder / target)
    sync_folder(folder)
    return LandedFile(name=name, sealed=target, digest=known, size=size)


def keep_bytes(sealer: Sealer, folder: Path, name: str, content: bytes) -> LandedFile:
    """Seals a small file into the archive: a manifest, a list of digests."""
    part = folder / f".{sm3_hex(name.encode())[:32]}.part"
    with sealer.create(part) as writer:
        writer.write(content)
    return keep_original(sealer, folder, name, part, sm3_hex(content))


def _opened(sealer: Sealer, path: Path) -> bytes:
    with sealer.open(path) as reader:
        return reader.read()


def _blocks(stream: object) -> Iterator[bytes]:
    read = stream.read  # type: ignore[attr-defined]  # any binary stream
    while block := read(_BLOCK):
        yield block


def _digest_of(stream: object, digest: Digest) -> str:
    for block in _blocks(stream):
        digest.update(block)
    return digest.hexdigest()


def _check_digest(file: LandedFile, expected: str, algorithm: str, read: Callable[[], bytes]) -> None:
    # SM3 is known since the file came; to open a large one once more takes as long as to read it.
    actual = file.digest if algorithm == "sm3" else hashlib.new(algorithm, read()).hexdigest()
    if actual != expected:
        what = _("文件的 {algorithm} 摘要与清单不符").format(algorithm=algorithm.upper())
        raise _refused("digest_differs", what, file.name, _("文件可能在传输或生成时损坏,请来源单位重新提供"))


def _refused(code: str, what: str, where: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=where, next_step=next_step, code=code)


@dataclass(frozen=True, kw_only=True)
class _Archive:
    """A sealed archive. Refuses paths, bombs, a wrong password, and members nobody promised."""

    sealer: Sealer
    path: Path
    password: SecretStr

    def members(self, promises: Sequence[PartPromise], sealed: str) -> list[LandedFile]:
        """The promised members, each read once. They rest in the archive, whose name in the folder is `sealed`."""
        name = promises[0].name if promises else ""
        with self._zipped(name) as zipped:
            infos = [info for info in zipped.infolist() if not info.is_dir()]
            _check_members(infos, promises)
            by_name = {member_name(info): info for info in infos}
            return [_member(zipped, by_name[p.name], p.name, sealed) for p in promises]

    def read(self, name: str) -> bytes:
        """A member that was among `members`."""
        with self._zipped(name) as zipped:
            content: bytes = zipped.read(next(info for info in zipped.infolist() if member_name(info) == name))
            return content

    @contextmanager
    def _zipped(self, where: str) -> Iterator[pyzipper.AESZipFile]:
        with self.sealer.open(self.path) as reader:
            try:
                with listed(pyzipper.AESZipFile, reader) as zipped:
                    zipped.setpassword(self.password.get_secret_value().encode())
                    yield zipped
            except zipfile.LargeZipFile as fault:
                raise _refused("bomb", _("压缩包的目录异常巨大"), where, _("请来源单位检查压缩包")) from fault
            except BROKEN_ARCHIVE as fault:
                raise _refused("bad_archive", _("压缩包损坏"), where, _("请来源单位重新提供")) from fault
            except RuntimeError as fault:  # pyzipper's word for a wrong password
                step = _("请核对 gateway.toml 中 zip_password 指向的口令,或请来源单位确认口令")
                raise _refused("wrong_password", _("压缩包口令不对"), where, step) from fault


def _check_members(infos: Sequence[zipfile.ZipInfo], promises: Sequence[PartPromise]) -> None:
    names = [member_name(info) for info in infos]
    step = _("请来源单位检查压缩包后重新提供")
    if any(n.startswith(("/", "\\")) or ".." in n.replace("\\", "/").split("/") or ":" in n for n in names):
        raise _refused("bad_archive", _("压缩包内含越界路径"), _("压缩包"), step)
    if any(stat.S_ISLNK(info.external_attr >> 16) for info in infos):
        raise _refused("bad_archive", _("压缩包内含链接"), _("压缩包"), step)
    size, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if len(infos) > MEMBERS_LIMIT or size > UNPACKED_LIMIT or size > RATIO_LIMIT * max(packed, 1 << 16):
        raise _refused("bomb", _("压缩包解压后异常巨大"), _("压缩包"), step)
    if any(info.compress_type not in _METHODS for info in infos):
        raise _refused("bad_archive", _("压缩包用了约定之外的压缩方法"), _("压缩包"), step)
    if sorted(names) != sorted(p.name for p in promises):
        raise _refused("bad_archive", _("压缩包内的文件与清单不符"), _("压缩包"), step)


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name. Without the UTF-8 mark it was read as cp437, whatever it is: here it is GB18030."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _member(zipped: pyzipper.AESZipFile, info: zipfile.ZipInfo, name: str, sealed: str) -> LandedFile:
    """One member, read through; what a header says of its size is not believed."""
    digest, size = sm3_new(), 0
    with zipped.open(info) as member:
        for block in _blocks(member):
            size += len(block)
            if size > info.file_size or size > UNPACKED_LIMIT:
                raise _refused("bomb", _("压缩包解压后异常巨大"), info.filename, _("请来源单位检查压缩包"))
            digest.update(block)
    return LandedFile(name=name, sealed=sealed, digest=digest.hexdigest(), size=size)
