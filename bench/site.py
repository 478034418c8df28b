"""The site of the day's bench: its folder, its four departments as folders, a platform that gives its exports only.

Takes the folder that `lists.make` filled. Gives an open site, sources that bring what lies in the folder, and a
channel. Refuses nothing.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bench.lists import ZIP_PASSWORD
from gateway.bootstrap import open_site
from gateway.model.deliveries import Manifest, Mode, PartPromise
from gateway.pipeline.platform import MessageNumbers, PlatformChannel
from gateway.pipeline.standing import RECORDS_HEADER
from gateway.plugin.api import Fetched, Offer, PluginOptions, Session, Source
from gateway.site import Site
from gateway.testing.city import ORG_CODE
from gateway.testing.site import new_site, staff, write_site

SOURCES = ("civil_affairs", "rural_revitalization", "disabled_federation", "tax")
#: Where nobody listens: everything that the site is told lies in the folder.
_SFTP = {"host": "127.0.0.1", "port": 1, "user": "bench", "host_key": "", "password": "bench"}
_HTTP = {"base": "http://127.0.0.1:1"}
_KEY = {"sm4_key": "00" * 16, "public_key": "00" * 64}


def made(folder: Path) -> Site:
    """A new site, open."""
    root = folder / "site"
    new_site(root)
    addresses: dict[str, dict[str, Any]] = {
        "civil_affairs": {**_SFTP, "outbox": "/", "inbox": "/", "zip_password": ZIP_PASSWORD},
        "rural_revitalization": {**_SFTP, "outbox": "/", "inbox": "/"},
        "disabled_federation": {**_HTTP, **_KEY, "client_id": "bench", "client_secret": "bench"},
        "tax": {**_HTTP, "access_key": "bench", "secret_key": "bench"},
        "insurance_platform": {**_HTTP, **_KEY, "org_code": ORG_CODE},
    }
    write_site(root, addresses)
    site = open_site(root)
    staff(site, clerks=["bench"])
    return site


class Exports(PlatformChannel):
    """A platform that exports a roster, and nothing that would stand there already."""

    def __init__(self, roster: bytes = b"") -> None:  # nothing to connect to
        self._roster = roster

    def export(self, what: str) -> bytes:
        """The roster; an export of records without a row."""
        return self._roster if what == "roster" else RECORDS_HEADER


class Accepting(Exports):
    """A platform that accepts whatever it is sent, at once and unread."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._numbers = MessageNumbers(site, ORG_CODE)

    def upload(self, msgid: str, plain: bytes) -> list[tuple[int, int]]:
        """0 for each item."""
        return [(seq, 0) for seq in range(1, plain.count(b'{"seq":') + 1)]


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file of the folder, and the name under which the department sends it."""

    path: Path
    name: str


class Lying(Source):
    """One delivery that lies in the folder, fetched as the department's own plugin fetches it: into sealed parts."""

    slug = "bench"
    Options = PluginOptions

    def __init__(self, files: Iterable[_File], manifest: Manifest, archive: tuple[str, str] | None = None) -> None:
        super().__init__(PluginOptions())
        self._files, self._manifest, self._archive = tuple(files), manifest, archive

    def offers(self, session: Session) -> Iterable[Offer]:
        yield Offer(name=self._manifest.name)

    def fetch(self, session: Session, offer: Offer) -> Fetched:
        for file in self._files:
            with session.part(file.name) as sink, file.path.open("rb") as stream:
                sink.restart()
                while block := stream.read(1 << 20):
                    sink.write(block)
        packed = (*self._archive, "sm3", SecretStr(ZIP_PASSWORD)) if self._archive else None
        return Fetched(manifest=self._manifest, parts=tuple(p.name for p in self._manifest.parts), archive=packed)

    def check(self, session: Session) -> Iterator[str]:
        yield self._manifest.name


def civil(folder: Path, day: date, sequence: int, mode: Mode) -> Source:
    """Civil affairs' archive, of the day and with the sequence's next number."""
    stem = "full" if mode is Mode.FULL else "delta"
    promised = json.loads((folder / "civil" / f"{stem}.json").read_text("utf-8"))
    parts = [PartPromise(name=f["name"], rows=f["rows"], digest=f["sm3"], algorithm="sm3") for f in promised["files"]]
    name = f"MZ_451000_{day:%Y%m%d}_{mode.value[0].upper()}_{sequence:04}"
    manifest = Manifest(name=name, mode=mode, business_date=day, parts=tuple(parts), sequence=sequence)
    file = _File(path=folder / "civil" / f"{stem}.zip", name=f"{name}.zip")
    return Lying([file], manifest, (file.name, promised["archive_sm3"]))


def rural(folder: Path, day: date) -> Source:
    """The counties' workbooks of the day; each speaks for its county."""
    files = [_File(path=p, name=f"XCZX_{p.stem}_{day:%Y%m%d}.xlsx") for p in sorted((folder / "rural").glob("*.xlsx"))]
    parts = tuple(PartPromise(name=file.name, scope=file.path.stem) for file in files)
    scopes = tuple(part.scope for part in parts)
    return Lying(files, Manifest(name=f"{day:%Y%m%d}", mode=Mode.FULL, business_date=day, parts=parts, scopes=scopes))


def federation(folder: Path, day: date) -> Source:
    """All holders, as its pages were read."""
    return _one(folder / "holders.json", f"CL_{day:%Y%m%d}_F", Mode.FULL, day)


def tax(folder: Path, day: date) -> Source:
    """The whole year's payments; read as a delta, since they leave nobody out."""
    return _one(folder / "payments.csv.gz", f"SW_{day:%Y%m%d}_F", Mode.DELTA, day)


def _one(path: Path, name: str, mode: Mode, day: date) -> Source:
    file = _File(path=path, name=f"{name}{''.join(path.suffixes)}")
    return Lying([file], Manifest(name=name, mode=mode, business_date=day, parts=(PartPromise(name=file.name),)))
