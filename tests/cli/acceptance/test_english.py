"""An operator who asks for English reads English, and no Chinese but what is data."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acts.lived import DAYS, PATIENCE, Lived, copy, environment, gateway, here
from tests.acts.worklists import FIRST, cells, filled
from tests.cli.acceptance.test_explain import SOMEBODY
from tests.house import tree
from tests.ledgers import ask

ENGLISH = {**environment(), "GATEWAY_LANG": "en_US.UTF-8"}
#: Runs every command line of its argument in one process, and every command's help.
SCRIPT = """
import json, sys
from tests.acts.lived import here
from tests.ledgers import ask
from tests.cli.test_help import COMMANDS
lines = json.loads(sys.argv[1])
lines += [[lines[0][0], [*name.split()[1:], "--help"]] for name, _command in COMMANDS]
print(json.dumps([[" ".join(words), *vars(here(site, *words)).values()] for site, words in lines]))
"""
#: What an operator looks at, and with which exit code it ends.
LINES = {
    "status": 0, "sources": 0, "runs": 0, "deliveries --all": 0, "deliveries": 0, "cases list": 0, "cases show 1": 0,
    "holds list": 0, "holds show 1": 0, "doctor": 0, "outbox list": 0, "outbox show 9999": 1, "outbox undos": 0,
    "plugins": 0, "keys list": 0, "config": 0, "verify": 3, "takebacks list": 0, "run --dry-run": 0,
    "resync civil_affairs --dry-run": 0, "cases show 9999": 1, "audit list": 1, "explain nobody": 1,
    "holds release 1 --digest 00000000 --note x": 1, "cases decide 1 same --note x --person 9": 1,
    "cases list --state x": 2, "runs --limit none": 2,
}  # fmt: skip
#: A run of Chinese, but for the first character of a masked name.
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+(?!\*)")


@pytest.fixture(scope="module")
def english(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that worked in English from its first run on."""
    root = copy(lived.fresh, tmp_path_factory.mktemp("english"))
    done = gateway(root, "run", "--today", f"2026-11-0{DAYS}", language="en")
    assert (3, True) == (done.code, "holds for a person to decide: 1" in done.err)
    return root


#: A column that no mapping knows, and how the platform's contract calls us.
MORE_DATA = {"备注", "身份交换网关"}


def data(site: Path) -> set[str]:
    """Chinese that is data: what stands in the site's configuration, in mappings and in policies."""
    files = [site / "gateway.toml", *(tree.ROOT / "mappings").rglob("*.toml")]
    return MORE_DATA | {text for file in files for text in _texts(tomllib.loads(file.read_text("utf-8")))}


def _texts(value: Any) -> Iterator[str]:  # what TOML holds
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


@pytest.mark.slow
def test_every_command_speaks_english(english: Path, lived: Lived) -> None:
    """Help texts, tables, findings and errors with their next step are English; the Chinese left is what the site's
    configuration, the mappings and the lists hold."""
    person = str(ask(lived.site, SOMEBODY)[0][0])
    lines: list[tuple[Path, list[str]]] = [(english, line.split()) for line in LINES]
    # What this one uploaded, the other found on the platform.
    lines += [(lived.site, ["explain", person]), (lived.site, ["explain", person, "--as-of", "2026-11-02"])]
    lines += [(lived.site, ["outbox", "show", "1"])]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([(str(site), words) for site, words in lines])],
        cwd=tree.ROOT, env=ENGLISH, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=True,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    codes = {line: code for line, code, _out, _err in seen}
    assert LINES == {line: codes[line] for line in LINES}
    known = data(english)
    left = {
        (line, found)
        for line, _code, out, err in seen
        for found in CHINESE.findall(out + err)
        if not any(found in text for text in known)
    }
    assert set() == left
    assert [] == [line for line, _code, out, err in seen if not re.search(r"[a-z]{3}", out + err)]


def test_what_was_not_asked_for_is_chinese(lived: Lived, tmp_path: Path) -> None:
    """A language that we do not have, and one that is a path to somebody's own catalogue, are Chinese."""
    folder = tmp_path / "own" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    own = tree.ROOT / "gateway" / "locale" / "en" / "LC_MESSAGES" / "gateway.mo"
    (folder / "gateway.mo").write_bytes(own.read_bytes())
    for language in ("", "fr", str(tmp_path / "own"), f"../../../../../..{tmp_path}/own", "zh_CN"):
        assert "名册" in gateway(lived.site, "status", language=language).out


def test_a_worklist_is_chinese_for_everybody(lived: Lived, tmp_path: Path) -> None:
    """What an English operator exports a county's clerk reads in Chinese, and a Chinese operator takes back."""
    root, county, secret, file = copy(lived.site, tmp_path), "451081", tmp_path / "password", tmp_path / "list.xlsx"
    ask(root, "UPDATE cases SET county = ?", county)
    secret.touch(0o600)
    secret.write_text("correct horse", "utf-8")
    way = ["--clerk", "测试经办", "--password-file", str(secret)]
    out = ["cases", "export", "--county", county, *way, "--reason", "to be checked", "--out", str(file)]
    done = gateway(root, *out, language="en")
    assert (0, True) == (done.code, "exported" in done.out), done.err
    rows = cells(file, "correct horse")
    assert "核查结果" in rows[FIRST - 2]
    assert [] == [cell for row in rows[FIRST - 2 :] for cell in row if re.search("[a-z]{3} [a-z]{2}", cell)]
    filled(file, "correct horse", {FIRST: ("暂缓", "电话核实")})
    assert 0 == here(root, "cases", "import", str(file), *way).code


def test_a_new_site_is_explained_in_english(tmp_path: Path) -> None:
    """`init` writes the same settings and examples in every language, with its comments in the operator's."""
    texts = {}
    for language in ("zh", "en"):
        assert 0 == gateway(tmp_path, "init", str(tmp_path / language), language=language).code
        texts[language] = (tmp_path / language / "gateway.toml").read_text("utf-8").splitlines()
    comments = [line for line in texts["en"] if line.startswith("# ")]
    assert [] == [line for line in comments if tree.HAN.search(line)]
    settings = [[line for line in text if not line.startswith("# ")] for text in texts.values()]
    assert settings[0] == settings[1]
