"""Frames at rest: Polars IPC, compressed, sealed, named by the SM3 of the sealed bytes.

Takes a frame and a folder, gives a file name; `SealBroken` for a file that isn't what its name says, does
not open, or holds no such frame. A file is written once and never changed. No plain byte reaches the disk.
"""

import io
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from gateway.errors import SealBroken
from gateway.vault.header import broken
from gateway.vault.seal import Sealer
from gateway.vault.sm import sm3_hex, sm3_new
from gateway.vault.streams import sync_folder
from gateway.words import _

SUFFIX = ".sealed"
#: Sweepers know an unfinished file by it.
PARTIAL_SUFFIX = ".partial"
_READ_BYTES = 1024 * 1024


def write_sealed_frame(sealer: Sealer, folder: Path, frame: pl.DataFrame) -> str:
    """Writes the frame into the folder and returns the file's name, `<sm3 of the sealed bytes>.sealed`.

    When it returns, file and name are on the disk. An `OSError` of the disk passes, and leaves no partial.
    """
    plain = io.BytesIO()
    frame.write_ipc(plain, compression="zstd")
    partial = folder / f"{secrets.token_hex(8)}{PARTIAL_SUFFIX}"
    try:
        with sealer.create(partial) as writer:
            writer.write(plain.getbuffer())
        name = f"{_sm3_of(partial)}{SUFFIX}"
        os.replace(partial, folder / name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return name


def read_sealed_frame(sealer: Sealer, path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The frame, or these columns of it, in this order. `SealBroken` if the file or its name was changed."""
    try:
        sealed = path.read_bytes()
    except FileNotFoundError:
        raise broken(path.name, _("封存文件不存在")) from None
    plain = _opened(sealer, sealed, path.name)
    try:
        frame = pl.read_ipc(plain, columns=list(columns) if columns is not None else None)
    except pl.exceptions.PolarsError:
        raise broken(path.name, _("内容不是数据表,或缺少所需的列")) from None
    return frame if columns is None else frame.select(columns)


def _opened(sealer: Sealer, sealed: bytes, name: str) -> io.BytesIO:
    """The plain bytes. Digest and cipher take as long as each other, and let each other run."""
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(sm3_hex, sealed)
        fault, plain = None, io.BytesIO()
        try:
            with sealer.open_stream(io.BytesIO(sealed), name) as reader:
                plain = io.BytesIO(reader.read())
        except SealBroken as broken_seal:
            fault = broken_seal
        if f"{digest.result()}{SUFFIX}" != name:
            raise broken(name, _("文件内容与文件名里的摘要不符"))
    if fault:
        raise fault
    return plain


def _sm3_of(path: Path) -> str:
    digest = sm3_new()
    with path.open("rb") as source:
        while part := source.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()
