"""What is packed and comes from outside, opened without believing what it says of its own length.

Takes a class as `zipfile.ZipFile` and a stream of bytes; gives the archive, whose list of members was read. `zipfile`
reads that list in one piece, as long as the archive says, and makes ten times its bytes of it, before anybody could
count the members: a list that is longer than any real one's is refused with `zipfile.LargeZipFile` before it is read.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import IO, TypeVar

#: Bytes of an archive's list of members, each of which takes 46 and its name. 200 members with long names take 60 KB.
LIST_LIMIT = 1 << 20
#: With what gzip, zlib and zstd begin, which polars unpacks by itself, without any bound, where it expects text.
_PACKED = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
#: Members of spreadsheets of other kinds. Who reads workbooks takes those too, whatever a file is called, and what a
#: few bytes of them may fill is bounded nowhere.
_OTHER_BOOKS = frozenset({"content.xml", "xl/workbook.bin", "xl/_rels/workbook.bin.rels"})
#: How the members of a workbook are packed; `zipfile` knows more ways, each with faults of its own.
_WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What a broken archive in memory raises.
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, LookupError, ValueError, OSError)
Z = TypeVar("Z")


def is_packed(text: bytes) -> bool:
    """Whether polars would take this for a packed text; one that is none may begin so too."""
    return text.startswith(_PACKED)


def is_other_book(members: Iterable[str]) -> bool:
    """Whether an archive of these members may be read as a spreadsheet of another kind than xlsx: xlsb, or ods."""
    return any(name.lower().replace("\\", "/") in _OTHER_BOOKS for name in members)


def stored(archive: zipfile.ZipFile, look: Callable[[str, bytes], bytes | None]) -> io.BytesIO:
    """An archive of the same members, not compressed, each as `look` gives it, but for those of which it gives none.
    Who looks into an archive, and who reads it, may find different members in the same bytes: another list of them,
    something before the first; in this one they cannot. Of two of a name the last one stays. Raises `BROKEN`, and what
    `look` does."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as found:
        for name, member in {member.filename: member for member in archive.infolist()}.items():
            if member.compress_type not in _WAYS:
                raise zipfile.BadZipFile("packed as no workbook is")
            # Not `archive.read`, which unpacks to the end, whatever length a member says that it has.
            with archive.open(member) as packed:
                content = look(name, packed.read(member.file_size))
            if content is not None:
                found.writestr(name, content)
    stream.seek(0)
    return stream


def listed(kind: Callable[["Listing"], Z], stream: IO[bytes]) -> Z:
    """The archive, as `kind` opens it. Raises as that does, and LargeZipFile."""
    listing = Listing(stream)
    archive = kind(listing)
    listing.done = True
    return archive


class Listing:
    """The stream; until it is `done` it hands out no piece that is longer than a list may be."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.done = False
        self.tell, self.seekable, self.close = stream.tell, stream.seekable, stream.close

    def read(self, size: int = -1) -> bytes:
        """As the stream's, but for that."""
        if not self.done and self._asked(size) > LIST_LIMIT:
            raise zipfile.LargeZipFile("the list of members is too long")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As the stream's; BadZipFile for a place before its beginning: the archive's fault, and not the disk's."""
        if whence == io.SEEK_SET and offset < 0:
            raise zipfile.BadZipFile("a place before the beginning")
        return self._stream.seek(offset, whence)

    def _asked(self, size: int) -> int:
        at = self.tell()
        left = self.seek(0, io.SEEK_END) - at
        self.seek(at)
        return left if size < 0 else min(size, left)
