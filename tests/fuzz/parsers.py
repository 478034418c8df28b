"""Everything of the gateway that reads what somebody else wrote: sound inputs, and what reads them, in this process.

`opened(folder)` gives the parsers by name. What needs a key, a site or a folder has one that lasts.
"""

import base64
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import xlsxwriter
from pydantic import SecretStr

from gateway.acts import sheets
from gateway.land import keep_bytes, land
from gateway.mappings import MappingFiles
from gateway.model.deliveries import Manifest, Mode, PartPromise
from gateway.normalise import normalise, normalise_roster
from gateway.peers import retry
from gateway.peers.envelope import NONCE_BYTES, answer_text
from gateway.peers.http import Answer, HttpPeer, Retry
from gateway.peers.pages import FederationPages
from gateway.peers.signing import BASE_EXTENSION, BearerToken
from gateway.pipeline.bring import Brought, brought_dry
from gateway.pipeline.platform import gunzip
from gateway.plugin import read_manifest_json, read_sums
from gateway.plugin.forms import CHINA
from gateway.plugin.loader import load_plugins
from gateway.settings import FILE, load_settings
from gateway.testing.site import new_site, write_site
from gateway.vault import Keyring
from gateway.vault.office import lock_workbook, unlock_workbook
from gateway.vault.sealedfile import CHEAPEST
from gateway.vault.sm import sm3_hex, sm4_gcm_seal
from tests.acts.lived import opened as open_site
from tests.fuzz.damage import Draw, aes, by_bytes, in_aes, in_fields, in_members, in_tokens
from tests.peers.platform import KEY, THEIRS, peer

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 8, 0, tzinfo=CHINA)
PLUGINS = load_plugins()
SLUGS = ("civil_affairs", "rural_revitalization", "disabled_federation")
LISTS = {slug: MappingFiles().list_mapping(slug) for slug in SLUGS}
REF, NONCE, CURSOR = "451000202611010100000000000001", bytes(NONCE_BYTES), "next"
AS_OF = "2026-11-01T00:00:00+08:00"
#: What `sums`, `manifest` and others name in their faults.
WHERE = "part"
#: Bytes that a gzip of the size of these inputs may unpack to here.
GZIP_LIMIT = 32 << 20


@dataclass(frozen=True, kw_only=True)
class Parser:
    """One of them."""

    sounds: Sequence[bytes]
    read: Callable[[bytes], object]
    #: Ways to damage an input that go deeper than single bytes do.
    ways: Sequence[Draw] = ()


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Parser]]:
    """All parsers, while the folder and a small site in it last."""
    pause, retry.pause = retry.pause, lambda seconds: None
    public = new_site(folder / "site")
    address = {"host": "127.0.0.1", "port": 1, "user": "u", "password": "p", "zip_password": "word", "host_key": HOST}
    base = {"base": "http://127.0.0.1:1/", "public_key": public, "org_code": "451000000001", "sm4_key": "00" * 16}
    write_site(folder / "site", {"civil_affairs": {**address, "outbox": "o", "inbox": "i"}, "insurance_platform": base})
    try:
        with open_site(folder / "site") as site:
            yield {
                **texts(),
                **books(),
                **answers(),
                **files(folder / "files", (folder / "site" / FILE).read_bytes()),
                **archives(folder / "landed", site),
            }
    finally:
        retry.pause = pause


HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def texts() -> dict[str, Parser]:
    """Lists and answers that are text."""
    names = headers("civil_affairs")
    rows = [names, ["甲"] * len(names), ["2026-01-01"] * len(names), ['"乙,丙"'] * len(names)]
    table = "\r\n".join(",".join(row) for row in rows)
    records = [dict.fromkeys(headers("disabled_federation"), "甲")] * 2
    roster = "psn_no,psn_cert_type,certno,psn_name,gend,brdy,insutype,psn_insu_stas,insu_admdvs,live_admdvs,surv_stas\n"
    roster += "1,01,2,甲,1,1990-01-01,390,1,451002,451002001,0\n" * 3
    sums = b"".join(b"%064x  name%d.csv\n" % (n, n) for n in range(3))
    return {
        "csv": Parser(
            sounds=[table.encode("gb18030"), table.encode(), b"\xef\xbb\xbf" + table.encode()],
            read=of_list("civil_affairs"),
            ways=[in_tokens],
        ),
        "json": Parser(
            sounds=[json.dumps(records, ensure_ascii=False).encode(), json.dumps(records).encode()],
            read=of_list("disabled_federation"),
            ways=[in_values],
        ),
        "roster": Parser(sounds=[roster.encode()], read=_read_roster, ways=[in_tokens]),
        "manifest": Parser(
            sounds=[b'{"rows": 1, "files": [{"name": "a"}]}'],
            read=lambda data: read_manifest_json(data, WHERE),
            ways=[in_values],
        ),
        "sums": Parser(sounds=[sums], read=lambda data: read_sums(data, WHERE), ways=[in_tokens]),
        "gzip": Parser(
            sounds=[gzip.compress(roster.encode()), gzip.compress(bytes(4 << 20)) + gzip.compress(b"more")],
            read=lambda data: gunzip(data, WHERE, GZIP_LIMIT),
        ),
    }


def _read_roster(data: bytes) -> object:
    return normalise_roster(gunzip(gzip.compress(data, 1), WHERE, GZIP_LIMIT))


def headers(slug: str) -> list[str]:
    return [column.aliases[0] for column in LISTS[slug].columns]


def of_list(slug: str) -> Callable[[bytes], object]:
    return lambda data: normalise(data, LISTS[slug], part=WHERE, scope="", business_date=DAY)


def in_values(chance: random.Random, sound: bytes) -> bytes:
    """JSON of the same keys and other values."""

    def other(depth: int) -> Any:  # JSON
        kind = chance.randrange(9 if depth < 4 else 6)
        leaf = [None, True, chance.randint(-5, 5), 10**30, "甲" * chance.randrange(4), 1e308]
        if kind < 6:
            return leaf[kind]
        return [other(depth + 1)] * 3 if kind < 7 else {name: other(depth + 1) for name in ("甲", "", "name")}

    def changed(value: Any) -> Any:  # JSON
        if chance.random() < 0.15:
            return other(0)
        if isinstance(value, dict):
            return {k if chance.random() > 0.05 else "甲": changed(v) for k, v in value.items()}
        return [changed(one) for one in value] if isinstance(value, list) else value

    return json.dumps(changed(json.loads(sound)), ensure_ascii=chance.random() < 0.5).encode("utf-8", "replace")


def books() -> dict[str, Parser]:
    """Workbooks."""
    line = sheets.Line(case=1, cells=["甲"] * len(sheets.ROW), people=[sheets.Person(cells=["甲"], marks=["same"])])
    worklist = sheets.write(sheets.Head(title="单", facts=[("编号", "1")]), [line], ["m"])
    return {
        "xlsx": Parser(sounds=[_sheet()], read=of_list("rural_revitalization"), ways=[in_members, in_fields]),
        "worklist": Parser(sounds=[worklist], read=sheets.read, ways=[in_members, in_fields]),
        "office": Parser(sounds=[lock_workbook(worklist, "word")], read=lambda data: unlock_workbook(data, "word")),
    }


def _sheet() -> bytes:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        page = book.add_worksheet(LISTS["rural_revitalization"].sheet or None)
        page.write_row(0, 0, headers("rural_revitalization"))
        page.write_row(1, 0, ["甲"] * 5)
        page.write_row(2, 0, ["乙", 1.5, 45000, True, "=1"])
    return memory.getvalue()


class _Heard(HttpPeer):
    """A peer whose answers are given to it."""

    def __init__(self, content: bytes) -> None:
        self.name, self.retry, self._content = "平台", Retry(attempts=2, first_wait=0.0, longest_wait=0.0), content

    def request(self, *_given: object, **_more: object) -> Answer:
        return Answer(where=self.name, status=200, headers={}, content=self._content)


def answers() -> dict[str, Parser]:
    """What departments and the platform answer, before and behind their signatures."""
    output = json.dumps({"signinoutb": {"sign_no": "s-1"}, "file_qury_no": "1"}).encode()
    page = json.dumps([{"name": "甲", "cert_no": "1"}], ensure_ascii=False).encode()
    token = b'{"access_token": "t", "token_type": "bearer", "expires_in": 3600}'
    return {
        "envelope": Parser(
            sounds=[_envelope(output), _envelope(b"", infcode="-425")],
            read=lambda data: peer(_Heard(data)).call("L101", b"{}", REF),
            ways=[in_values, lambda chance, _sound: _envelope(by_bytes(chance, output))],
        ),
        "page": Parser(
            sounds=[_page(page)],
            read=_read_page,
            ways=[in_values, lambda chance, _sound: _page(by_bytes(chance, page))],
        ),
        "token": Parser(sounds=[token], read=_read_token, ways=[in_values]),
    }


def _envelope(plain: bytes, infcode: str = "0") -> bytes:
    """An answer of the platform that opens and verifies."""
    sealed = base64.b64encode(sm4_gcm_seal(KEY, NONCE, plain, REF.encode())).decode() if plain else ""
    signature = base64.b64encode(THEIRS.sign(answer_text(infcode, REF, sealed))).decode()
    output = {"encData": sealed, "nonce": NONCE.hex()}
    return json.dumps({"infcode": infcode, "inf_refmsgid": REF, "cainfo": signature, "output": output}).encode()


def _page(plain: bytes) -> bytes:
    """A page of the federation's that opens and verifies."""
    data = base64.b64encode(sm4_gcm_seal(KEY, NONCE, plain, f"{AS_OF}|{CURSOR}".encode())).decode()
    signature = base64.b64encode(THEIRS.sign("|".join((NONCE.hex(), data, AS_OF)).encode())).decode()
    return json.dumps({"as_of": AS_OF, "nonce": NONCE.hex(), "data": data, "sign": signature, "total": 1}).encode()


def _read_page(content: bytes) -> object:
    pages = FederationPages(sm4_key=KEY, federation_key=THEIRS.public, where=WHERE)
    return pages.open_page(_Heard(content).request().json(), CURSOR)


def _read_token(content: bytes) -> object:
    flow = BearerToken("oauth2/token", "id", SecretStr("s"), lambda: NOW).sync_auth_flow(
        httpx.Request("GET", "http://127.0.0.1/", extensions={BASE_EXTENSION: "http://127.0.0.1", "timeout": {}})
    )
    return flow.send(_first(next(flow), content))


def _first(asked: httpx.Request, content: bytes) -> httpx.Response:
    return httpx.Response(200, content=content, request=asked)


def files(folder: Path, site: bytes) -> dict[str, Parser]:
    """Files of a site that people write."""
    shipped = Path(__file__).parents[2] / "mappings"

    def of(name: str, sound: bytes, read: Callable[[Path], object]) -> Parser:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)

        def parse(data: bytes) -> object:
            file.write_bytes(data)
            return read(folder)

        return Parser(sounds=[sound], read=parse, ways=[in_tokens])

    mappings = MappingFiles(folder)
    return {
        "settings": of(FILE, site, lambda root: load_settings(root, PLUGINS)),
        "mapping": of("tax.toml", (shipped / "tax.toml").read_bytes(), lambda _root: mappings.list_mapping("tax")),
        "policy": of(
            "policies/baise.toml",
            (shipped / "policies" / "baise.toml").read_bytes(),
            lambda _root: mappings.policy("baise"),
        ),
        "holidays": of(
            "holidays.toml", (shipped / "holidays.toml").read_bytes(), lambda _root: mappings.working_days()
        ),
    }


def archives(folder: Path, site: Any) -> dict[str, Parser]:  # gateway.site.Site
    """Archives as they are landed, and whatever lies on a stick."""
    folder.mkdir()
    sealer = Keyring.create(folder / "keys", cost=CHEAPEST).sealer
    table = texts()["csv"].sounds[0]
    sound, plain = aes({"list.csv": table}), _plain({"list.csv": table, "b/名单.csv": table[:300]})

    def landed(data: bytes) -> object:
        parts = (PartPromise(name="list.csv"),)
        manifest = Manifest(name="one", mode=Mode.FULL, business_date=DAY, parts=parts)
        kept = keep_bytes(sealer, folder, "list.zip", data)
        archive = ("list.zip", sm3_hex(data), "sm3", SecretStr("word"))
        try:
            result = land(
                instance="a",
                plugin="a",
                manifest=manifest,
                originals=[kept],
                archive=archive,
                sealer=sealer,
                folder=folder,
            )
            return [read() for read in result.parts.values()]
        finally:
            (folder / kept.sealed).unlink()

    def brought(name: str) -> Callable[[bytes], object]:
        file = folder / name
        told = Brought(file=file, mode=Mode.FULL, business_date=DAY, scope="", sequence=None)

        def read(data: bytes) -> object:
            file.write_bytes(data)
            with brought_dry(site, site.settings.sources["civil_affairs"], told, DAY + timedelta(days=1)) as row:
                return row

        return read

    return {
        "zip": Parser(sounds=[plain, _plain({"list.csv": table})], read=landed, ways=[in_members, in_fields]),
        "aes": Parser(sounds=[sound], read=landed, ways=[in_aes, in_fields]),
        "import": Parser(sounds=[table], read=brought("list.csv"), ways=[in_tokens]),
        "import zip": Parser(sounds=[sound], read=brought("list.zip"), ways=[in_aes, in_fields]),
    }


def _plain(members: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return memory.getvalue()
