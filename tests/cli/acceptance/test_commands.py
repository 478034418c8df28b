"""The commands, most of them as processes, on a site that has lived for three days."""

import getpass
import io
import json
import os
import pwd
import socket
from pathlib import Path

import pytest

from gateway.testing.site import own_plugins
from tests.acts.lived import DAYS, HELD, Lived, copy, edit, gateway, here
from tests.ledgers import ask

TODAY = f"2026-11-0{DAYS}"
LISTENING = [
    ["status"], ["sources"], ["runs"], ["deliveries"], ["deliveries", "--state", "refused"], ["cases", "list"],
    ["cases", "show", "1"], ["holds", "list", "--all"], ["holds", "show", "1"], ["config"], ["keys", "list"],
    ["resync", "civil_affairs", "--dry-run"], ["doctor"], ["outbox", "list"], ["outbox", "show", "1"],
    ["outbox", "undos", "--all"], ["plugins"],
]  # fmt: skip


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.parametrize("words", LISTENING, ids=" ".join)
def test_what_a_script_reads_is_json(lived: Lived, words: list[str]) -> None:
    """With `--json`, stdout is one JSON document and nothing else, and the command succeeds."""
    done = here(lived.site, *words, "--json")
    assert 0 == done.code, done.err
    assert isinstance(json.loads(done.out), list | dict)


@pytest.mark.parametrize("words", LISTENING, ids=" ".join)
def test_what_a_person_reads_names_nobody(lived: Lived, words: list[str]) -> None:
    """For people the same is shown in Chinese, without colours in a pipe, and without anybody's number."""
    done = here(lived.site, *words)
    assert 0 == done.code, done.err
    assert "\x1b" not in done.out
    assert [] == [1 for person in lived.people() if person["certno"] in done.out]


def test_a_new_site_tells_all_its_faults(tmp_path: Path) -> None:
    """`init` makes a site and says its public key; `doctor` then lists all that is missing, and exits with 2."""
    root = tmp_path / "site"
    made = gateway(tmp_path, "init", str(root))
    assert (0, 128) == (made.code, len(made.out.strip()))
    seen = gateway(root, "doctor")
    assert 2 == seen.code
    assert [] == [key for key in ("base", "org_code", "admdvs", "sm4_key", "public_key") if key not in seen.out]
    assert 2 == gateway(root, "run").code


def test_a_configuration_s_faults_come_all_at_once(lived: Lived, tmp_path: Path) -> None:
    """Three faults in the file are three lines, on stderr, with exit code 2."""
    root = copy(lived.site, tmp_path)
    edit(root, 'place = "baise"\n', 'place = "baise"\ncolour = "red"\n')
    edit(root, 'plugin = "civil_affairs"\n', 'plugin = "civil_affairs"\nport_number = 1\n')
    edit(root, 'plugin = "tax"\n', 'plugin = "taxes"\n')
    done = gateway(root, "status")
    assert (2, "") == (done.code, done.out)
    assert [] == [word for word in ("colour", "port_number", "taxes") if word not in done.err]


def test_a_run_that_holds_says_so(lived: Lived, tmp_path: Path) -> None:
    """A new site takes all three days at once; the list that leaves out half is held, and the exit code is 3."""
    root = copy(lived.fresh, tmp_path)
    done = gateway(root, "run", "--today", TODAY, "--json")
    report = json.loads(done.out)
    assert (3, 3, 1) == (done.code, report["exit_code"], report["holds"])
    assert 3 == len(report["instances"]["civil_affairs"]["taken"])
    person = pwd.getpwuid(os.getuid()).pw_name
    assert [(person,)] == ask(root, "SELECT DISTINCT actor FROM runs")
    released = gateway(root, "holds", "release", "1", "--digest", "0" * 8, "--note", "已核实")
    assert (1, "") == (released.code, released.out)
    assert [("open",)] == ask(root, "SELECT state FROM holds")


def test_a_claimed_name_is_nobody_s(lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who acts is the operating system's word: a name in the environment does not make another person."""
    root = copy(lived.site, tmp_path)
    person = pwd.getpwuid(os.getuid()).pw_name
    ask(root, "UPDATE holds SET opened_by = ?", person)
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "colleague")
    assert "colleague" == getpass.getuser()
    assert 1 == gateway(root, "holds", "release", "1", "--digest", "0" * 8, "--note", "已核实").code
    assert 0 == gateway(root, "holds", "reject", "1", "--note", "名单有误").code
    assert [("cancelled", person)] == ask(root, "SELECT state, decided_by FROM holds")


def test_a_department_that_is_down_is_tried_later(lived: Lived, tmp_path: Path) -> None:
    """A server that does not answer makes the exit code 75, and the others are visited all the same."""
    root = copy(lived.site, tmp_path)
    port = lived.peers.addresses["civil_affairs"]["port"]
    edit(root, f"port = {port}", f"port = {closed_port()}")
    done = gateway(root, "run", "civil_affairs", "rural_revitalization", "--today", TODAY)
    assert 75 == done.code
    assert "Traceback" not in done.err
    assert "sftp://127.0.0.1" in done.err


@pytest.mark.slow
def test_a_platform_that_is_down_is_tried_later(lived: Lived, tmp_path: Path) -> None:
    """Without the platform's roster nothing can be resolved: what was fetched is kept, and the exit code is 75."""
    root = copy(lived.fresh, tmp_path)
    base = lived.peers.addresses["insurance_platform"]["base"]
    edit(root, base, f"http://127.0.0.1:{closed_port()}/hsa")
    done = gateway(root, "run", "civil_affairs", "--today", TODAY)
    assert 75 == done.code
    assert [(3,)] == ask(root, "SELECT count(*) FROM deliveries WHERE state = 'landed'")
    assert 75 == gateway(root, "doctor").code


def test_each_value_says_where_it_comes_from(lived: Lived) -> None:
    """`config` names the line of the file, or the default."""
    values = {v["key"]: v for v in json.loads(gateway(lived.site, "config", "--json").out)}
    lines = (lived.site / "gateway.toml").read_text("utf-8").splitlines()
    host = values["sources.civil_affairs.zip_password"]
    line = lines.index('zip_password = "file:keys/civil_affairs.zip_password"') + 1
    assert ("file:keys/civil_affairs.zip_password", f"gateway.toml 第 {line} 行") == (host["value"], host["origin"])
    assert "默认值" == values["sources.tax.schedule"]["origin"]


def test_a_host_key_is_shown(lived: Lived) -> None:
    """`doctor --host-key` shows the very line that the configuration pins."""
    address = lived.peers.addresses["civil_affairs"]
    done = gateway(lived.site, "doctor", "--host-key", f"{address['host']}:{address['port']}", "--json")
    kind, blob, *_comment = address["host_key"].split()
    assert f"{kind} {blob}" == json.loads(done.out)["line"]


def test_the_doctor_names_each_trouble(lived: Lived, tmp_path: Path) -> None:
    """A changed host key, a secret that others may read and a broken plugin are each named, with what to do."""
    root = copy(lived.site, tmp_path)
    for name in ("civil_affairs", "rural_revitalization"):
        assert lived.peers.addresses[name]["host_key"]
    one, other = (lived.peers.addresses[n]["host_key"] for n in ("civil_affairs", "rural_revitalization"))
    edit(root, one, other)
    (root / "keys" / "tax.secret_key").chmod(0o644)
    own_plugins(root, orchard="import nothing_of_this_name\n")
    findings = json.loads(gateway(root, "doctor", "--json").out)["findings"]
    faulty = {f["check"] for f in findings if f["state"] == "fault"}
    assert {"plugins", "secrets", "civil_affairs", "tax"} == faulty
    assert [] == [f["check"] for f in findings if f["state"] == "fault" and not f["next_step"]]


def test_the_doctor_says_who_can_read_and_who_is_nobody(lived: Lived, tmp_path: Path) -> None:
    """Keys or data that others can read are a fault; accounts that the machine does not know, and one that has the keys
    anyway, are named; a site without people says how to begin."""
    root = copy(lived.site, tmp_path)
    told = {f["check"]: f for f in json.loads(here(root, "doctor", "--json").out)["findings"]}
    assert ("ok", "warning") == (told["exposure"]["state"], told["people"]["state"])
    texts = here(root, "doctor").out
    assert "second-colleague" in texts
    assert f"{pwd.getpwuid(os.getuid()).pw_name} 能直接读写密钥和台账" in texts
    (root / "var").chmod(0o755)
    ask(root, "DELETE FROM grants")
    told = {f["check"]: f for f in json.loads(here(root, "doctor", "--json").out)["findings"]}
    assert ("fault", 1) == (told["exposure"]["state"], told["exposure"]["exit_code"])
    assert "gateway people found" in told["people"]["next_step"]


def test_a_person_need_not_stand_in_the_command_line(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the argument is `-`, the number is read from standard input: no list of processes and no log of sudo has
    it."""
    somebody = lived.people()[0]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{somebody['certno']}\n"))
    seen = here(lived.site, "explain", "-", "--json")
    assert 0 == seen.code, seen.err
    assert json.loads(seen.out) == json.loads(here(lived.site, "explain", somebody["psn_no"], "--json").out)


@pytest.mark.parametrize("name", ["keys/tax.secret_key", "gateway.toml", "keys/ring.json"])
def test_the_site_s_own_files_are_no_lists(lived: Lived, tmp_path: Path, name: str) -> None:
    """Who may only run the program cannot have it read a key as a list, whose columns it would name."""
    root = copy(lived.site, tmp_path)
    file = root / name
    options = ["--mode", "full", "--business-date", "2026-01-01"]
    done = here(root, "import", "civil_affairs", str(file), *options)
    assert (1, "") == (done.code, done.out)
    assert file.read_text("utf-8").split()[0] not in done.err
    assert [] == ask(root, "SELECT act FROM acts WHERE act = 'list.import'")
    ((refused,),) = ask(root, "SELECT detail FROM acts WHERE act = 'refused'")
    assert "state" == json.loads(refused)["why"]


def test_explain_is_masked(lived: Lived) -> None:
    """What `explain` prints of a person names neither the whole name nor the number, for people and for scripts."""
    key = ask(lived.site, f"SELECT person_key FROM departures WHERE delivery = {HELD} LIMIT 1")[0][0]
    plain, script = (gateway(lived.site, "explain", str(key), *words) for words in ([], ["--json"]))
    assert (0, 0) == (plain.code, script.code)
    people = lived.people()
    hidden = {p["certno"] for p in people} | {p["psn_name"] for p in people if len(p["psn_name"]) >= 3}
    assert [] == [1 for value in hidden if value in plain.out + script.out]
    assert key == json.loads(script.out)["person_key"]


def test_import_tells_what_became_of_the_file(lived: Lived, tmp_path: Path) -> None:
    """A file that is no list is refused with exit code 1, and stays visible among the deliveries."""
    root = copy(lived.site, tmp_path)
    file = tmp_path / "list.csv"
    file.write_text("甲,乙\n1,2\n", "utf-8")
    words = ["civil_affairs", str(file), "--mode", "full", "--business-date", "2026-01-01"]
    done = gateway(root, "import", *words)
    assert (1, "") == (done.code, done.out)
    assert "Traceback" not in done.err
    refused = json.loads(gateway(root, "deliveries", "--state", "refused", "--json").out)
    assert ["list"] == [d["name"] for d in refused]


def test_import_and_resync_settle_the_site(lived: Lived, tmp_path: Path) -> None:
    """A list that was imported is in use at once, the second time it is known; `resync` then finds nothing new."""
    root = copy(lived.fresh, tmp_path)
    file = next(lived.city.glob("day1/mz/outbox/*.zip"))
    words = ["civil_affairs", str(file), "--mode", "full", "--business-date", "2026-11-01", "--sequence", "1"]
    first, again = here(root, "import", *words), here(root, "import", *words)
    assert (0, 0) == (first.code, again.code), first.err
    assert [("applied",)] == ask(root, "SELECT state FROM deliveries")
    resynced = here(root, "resync", "tax", "--json")
    report = json.loads(resynced.out)
    assert (0, 0) == (resynced.code, report["refused"])
    assert ["tax"] == list(report["instances"])


def test_resync_takes_an_instance_or_a_person(lived: Lived, tmp_path: Path) -> None:
    """One of both, never both or none; a person of a settled site has nothing to change, and no list is fetched."""
    root = copy(lived.site, tmp_path)
    number = lived.people()[0]["psn_no"]
    assert [2, 2] == [here(root, "resync", *words).code for words in ([], ["tax", "--person", number])]
    seen = json.loads(here(root, "resync", "--person", number, "--dry-run", "--json").out)
    assert ([], []) == (seen["changes"], seen["recognitions"])
    report = json.loads(here(root, "resync", "--person", number, "--json").out)
    assert (0, 0, {}) == (report["exit_code"], report["sent"], report["instances"])
