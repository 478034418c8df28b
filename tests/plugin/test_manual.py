"""The department that docs/plugins.md builds: its files, as printed, bring a list from a server into entries."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from gateway.bootstrap import open_site
from gateway.pipeline import intake
from gateway.site import Site
from gateway.store import deliveries
from gateway.testing import SftpServer
from gateway.testing.site import SHARING, new_site, own_plugins
from tests.house import tree

MANUAL = (tree.ROOT / "docs" / "plugins.md").read_text("utf-8")
PYTHON, TOML = (re.findall(rf"^```{language}\n(.*?)^```", MANUAL, re.M | re.S) for language in ("python", "toml"))
LIST = (
    "姓名,身份证号,类别,入院日期,离院日期,联系电话\r\n"
    "果甲,,孤儿,2024-03-01,,1\r\n"
    "果乙,,弃婴,202405,,2\r\n"
    "果丙,,学生,2024-1-1,,3\r\n"
)
SETTINGS = """
[site]
flags_from = 2026-01-01
trial = true
[platform]
base = "http://127.0.0.1:9"
org_code = "451000000001"
admdvs = "451000"
sm4_key = "env:NOBODY_ASKS"
public_key = ""
[sources.children_home]
plugin = "child_welfare"
host = "{host}"
port = {port}
user = "ybj"
host_key = "{host_key}"
password = "file:keys/children_home.password"
outbox = "/"
{sharing}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    """The home's server, with an empty outbox."""
    (tmp_path / "outbox").mkdir()
    with SftpServer(tmp_path / "outbox", "ybj", password="mellow") as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: SftpServer) -> Site:
    """A site with the manual's two files, and an instance of the manual's plugin."""
    root = tmp_path / "site"
    new_site(root)
    (root / "mappings").mkdir()
    (root / "mappings" / "child_welfare.toml").write_text(TOML[0], "utf-8")
    (root / "keys" / "children_home.password").touch(mode=0o600)
    (root / "keys" / "children_home.password").write_text("mellow\n", "utf-8")
    settings = SETTINGS.format(sharing=SHARING, host=server.host, port=server.port, host_key=server.host_key)
    (root / "gateway.toml").write_text(settings, "utf-8")
    own_plugins(root, child_welfare=PYTHON[0])
    return open_site(root)


def hand_over(folder: Path, digest: str | None = None) -> None:
    """The home's list of 1 November, its digest last."""
    (folder / "ETFL_20261101.csv").write_bytes(LIST.encode("gb18030"))
    right = hashlib.sha256(LIST.encode("gb18030")).hexdigest()
    (folder / "ETFL_20261101.csv.sha256").write_text(f"{digest or right}  ETFL_20261101.csv\n", "utf-8")


def test_the_printed_plugin_brings_a_list(tmp_path: Path, site: Site) -> None:
    """The manual's plugin and mapping bring a delivery from the server into entries, faults named."""
    hand_over(tmp_path / "outbox")
    seen = intake.visit(site, site.settings.sources["children_home"], date(2026, 11, 2))
    assert (["ETFL_20261101.csv"], [], []) == (seen.taken, seen.refused, seen.faults)
    with site.ledger.begin() as tx:
        (row,) = deliveries.select(tx, instance="children_home")
    entries = site.read_frame(row.entries_file or "")
    assert ["孤儿", "孤儿", None] == entries["identity"].to_list()
    assert [date(2024, 3, 1), date(2024, 5, 1), date(2024, 1, 1)] == entries["first"].to_list()
    assert [None, None, "category_unknown"] == entries["fault"].to_list()


def test_the_printed_plugin_refuses_what_does_not_fit(tmp_path: Path, site: Site) -> None:
    """A list that is not what its digest says is refused, and stays visible."""
    hand_over(tmp_path / "outbox", digest="0" * 64)
    seen = intake.visit(site, site.settings.sources["children_home"], date(2026, 11, 2))
    assert ["ETFL_20261101.csv"] == seen.refused
    with site.ledger.begin() as tx:
        (row,) = deliveries.select(tx, instance="children_home")
    assert ("refused", "digest_differs") == (row.state, row.code)


def test_the_printed_helper_shows_what_a_mapping_makes(tmp_path: Path) -> None:
    """The manual's function shows each row of a list as its mapping reads it."""
    (tmp_path / "child_welfare.toml").write_text(TOML[0], "utf-8")
    (tmp_path / "list.csv").write_bytes(LIST.encode("gb18030"))
    namespace: dict[str, object] = {}
    exec(compile(PYTHON[1], "docs/plugins.md", "exec"), namespace)
    show = namespace["entries_of"]
    assert callable(show)
    shown = show(tmp_path / "list.csv", tmp_path, "child_welfare", date(2026, 11, 1))
    assert isinstance(shown, pl.DataFrame)
    assert [2, 3, 4] == shown["line"].to_list()
    assert ["missing"] * 3 == shown["number_state"].to_list()
