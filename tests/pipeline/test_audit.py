"""What a run does is in the audit chain, names nobody, is signed at its end and leaves the house; none of that stops a
run."""

import csv
import gzip
import os
import socket
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.acts import audit as acts
from gateway.acts.audit import own_fingerprint
from gateway.audit import Checked, anchors_in, check
from gateway.errors import ExitCode
from gateway.pipeline import anchors
from gateway.settings import AuditSettings
from gateway.site import Site
from gateway.store import audit, deliveries, outbox, runs
from gateway.store.audit import ActEntry
from gateway.vault import Keyring, Sm2PrivateKey, sealedfile
from gateway.vault.files import write_private
from gateway.vault.ring import SigningEntry, key_id_of
from gateway.vault.sealedfile import CHEAPEST
from gateway.vault.secrets import read_passphrase
from tests.conftest import on_both_databases
from tests.pipeline.rig import Rig

CIVIL = "civil_affairs"


def checked(site: Site, *kept: str) -> Checked:
    with site.ledger.begin() as tx:
        last, digest = audit.tip(tx)
    lines = audit.lines(site.ledger.begin, last)
    return check(lines, trusted={own_fingerprint(site)}, anchors=anchors_in(kept, "log"), tip=digest)


def entries(site: Site) -> list[ActEntry]:
    with site.ledger.begin() as tx:
        return audit.entries(tx, act="", actor="", limit=10_000)[::-1]


def kept_at(rig: Rig, **places: str) -> Rig:
    """The same rig, whose checkpoints go there."""
    settings = replace(rig.site.settings, audit=AuditSettings(**places))
    return replace(rig, site=replace(rig.site, settings=settings))


@on_both_databases
def test_a_run_is_told_in_order(civil_rig: Rig) -> None:
    """From the run's start to its end: roster, delivery, settlement, queue, messages, answers and receipt, each with
    the run's number and its starter; the counts are those of the ledger, and the end is signed."""
    civil_rig.peers.stage(1)
    report = civil_rig.run()
    told = [one for one in entries(civil_rig.site) if not one.act.startswith("people.")]
    order = list(dict.fromkeys(one.act for one in told))
    wanted = [
        "run.start", "roster.taken", "delivery.taken", "limits.change", "settled", "cases", "changes.queued",
        "delivery.applied", "messages.sent", "messages.answered", "receipt.written", "run.end",
    ]  # fmt: skip
    assert [act for act in wanted if act in order] == [act for act in order if act in wanted]
    assert {*wanted} - {"limits.change"} <= {*order}
    assert {("test", report.run)} == {(one.actor, one.detail["run"]) for one in told}
    of = {one.act: one.detail for one in told}
    with civil_rig.site.ledger.begin() as tx:
        (row,) = deliveries.select(tx)
        changes = outbox.counts(tx)
    assert (row.rows, row.content_digest) == (of["delivery.taken"]["rows"], of["delivery.taken"]["content"])
    assert dict(row.outcomes) == {name: of["delivery.applied"][name] for name in row.outcomes}
    assert sum(changes.values()) == of["changes.queued"]["queued"]
    sent = Counter[str]()
    for one in told:
        if one.act in ("messages.sent", "messages.answered"):
            sent[one.act] += one.detail["messages"]
    assert sent["messages.sent"] == sent["messages.answered"] == len(civil_rig.uploads())
    assert report.pushed.done == of["run.end"]["done"]
    found = checked(civil_rig.site)
    assert ([], 1, 0) == (found.breaks, found.checkpoints, found.unsigned)


def test_a_replay_tells_nothing_new_of_lists_and_platform(civil_rig: Rig) -> None:
    """Another run of the same says that it was, and nothing of deliveries, changes or messages."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    before = len(entries(civil_rig.site))
    civil_rig.run()
    assert ["run.start", "settled", "run.end"] == [one.act for one in entries(civil_rig.site)[before:]]


def test_a_refused_list_and_a_failed_run_are_told(civil_rig: Rig) -> None:
    """What is refused is in the chain with its reason, once; a run that failed ends there too, signed."""
    civil_rig.peers.stage(1)
    (archive,) = civil_rig.outbox.glob("*.zip")
    archive.write_bytes(archive.read_bytes()[:-100])
    assert [ExitCode.FAILED, ExitCode.DONE] == [civil_rig.run().exit_code for _time in range(2)]
    refused = [one.detail for one in entries(civil_rig.site) if one.act == "delivery.refused"]
    assert [(civil_rig.rows()[0].id, civil_rig.rows()[0].code)] == [(one["delivery"], one["code"]) for one in refused]
    assert ["failed", "done"] == [one.detail["state"] for one in entries(civil_rig.site) if one.act == "run.end"]
    assert ([], 0) == ((found := checked(civil_rig.site)).breaks, found.unsigned)


def test_the_chain_names_nobody(civil_rig: Rig, city: Path) -> None:
    """No name and no number of anybody of the city is in it."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    with civil_rig.site.ledger.begin() as tx:
        last, _digest = audit.tip(tx)
    text = b"".join(audit.lines(civil_rig.site.ledger.begin, last)).decode().encode().decode("unicode_escape")
    people = civil_rig.peers.platform_records()
    assert people
    assert [] == [1 for one in people if one["psn_no"] in text]
    assert [] == [1 for one in names_and_numbers(city) if one in text]


def names_and_numbers(city: Path) -> set[str]:
    with gzip.open(city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        return {row[column] for row in csv.DictReader(file) for column in ("psn_name", "certno")}


def test_each_checkpoint_leaves_for_a_file(civil_rig: Rig, tmp_path: Path) -> None:
    """Each run adds a line to the file, which what came before stays in; a chain that lost its end is found by it."""
    rig = kept_at(civil_rig, file=str(tmp_path / "anchors"))
    rig.peers.stage(1)
    for _time in range(2):
        rig.run()
    lines = (tmp_path / "anchors").read_text().splitlines()
    assert [1, 2] == [anchor.checkpoint.number for anchor in anchors_in(lines, "f") if anchor.checkpoint]
    assert ([], 2) == ((found := checked(rig.site, *lines)).breaks, found.anchors)
    with rig.site.ledger.begin() as tx:
        last, _digest = audit.tip(tx)
    whole = list(audit.lines(rig.site.ledger.begin, last))
    cut = whole[: next(at for at, line in enumerate(whole, 1) if line.startswith(b'{"at":'))]
    found = check(cut, trusted={own_fingerprint(rig.site)}, anchors=anchors_in(lines, "f"))
    assert ["末尾被截去"] == [one.text.rpartition(":")[2] for one in found.breaks]


def test_each_checkpoint_leaves_for_the_system_s_log(civil_rig: Rig, tmp_path: Path) -> None:
    """The log's socket gets the checkpoint as one line of the authorities' facility."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        log.bind(str(tmp_path / "log"))
        far.bind(("127.0.0.1", 0))
        for where, taking in ((str(tmp_path / "log"), log), (f"127.0.0.1:{far.getsockname()[1]}", far)):
            taking.settimeout(30)
            rig = kept_at(civil_rig, syslog=where)
            rig.run()
            said = taking.recv(4096).decode()
            assert said.startswith("<84>gateway-audit: {")
            assert ([], 1) == ((found := checked(rig.site, said)).breaks, found.anchors)
            assert [] == acts.alarms(rig.site)


def test_an_anchor_that_fails_is_an_alarm_and_no_more(
    civil_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that is away, or that never answers, stops no run; it is told until the next checkpoint gets there."""
    monkeypatch.setattr(anchors, "PATIENCE", 0.3)
    hanging = tmp_path / "hanging"
    os.mkfifo(hanging)  # to open it waits for a reader
    rig = kept_at(civil_rig, file=str(hanging), syslog=str(tmp_path / "nobody"))
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    (file, first), (log, _text) = sorted(acts.alarms(rig.site), key=lambda alarm: alarm[0].place)
    assert (0, "秒内没有反应" in file.fault, f"file:{hanging}" in first) == (file.number, True, True)
    assert "No such file or directory" == log.fault
    assert ExitCode.DONE == rig.run().exit_code
    assert file.at == dict((one.place, one.at) for one, _text in acts.alarms(rig.site))[file.place]
    hanging.unlink()
    rig.run()
    assert [log.place] == [one.place for one, _text in acts.alarms(rig.site)]
    assert 3 == next(anchor.checkpoint.number for anchor in anchors_in(hanging.open(), "f") if anchor.checkpoint)


def replaced(rig: Rig) -> Rig:
    """The same site, whose provider has a second signing key, which signs from now on."""
    keys, settings = rig.site.settings.root / "keys", rig.site.settings.keys
    passphrase = read_passphrase(settings.passphrase, keys.parent)
    material, new = sealedfile.material_of(keys, passphrase), Sm2PrivateKey.generate()
    both = material.model_copy(update={"signing": {**material.signing, 2: SecretStr(new.pair_hex)}})
    write_private(keys / sealedfile.FILE, sealedfile._sealed(both, passphrase, CHEAPEST), replace=True)
    ring = rig.site.keyring.ring.file
    entry = SigningEntry(
        index=2, key_id=key_id_of(new.public.hex), created=datetime.now(UTC), public_key=new.public.hex
    )
    file = ring.model_copy(update={"signing": (*ring.signing, entry)})
    write_private(keys / "ring.json", file.model_dump(mode="json"), replace=True)
    return replace(rig, site=replace(rig.site, keyring=Keyring.load(keys, settings)))


def test_a_replaced_key_is_told_and_the_old_one_still_proves(civil_rig: Rig) -> None:
    """What was signed before holds by the key that signed it; that another one signs is an entry, told once, and signed
    by the new key; and who trusts the new one only sees the difference."""
    civil_rig.run()
    before = own_fingerprint(civil_rig.site)
    rig = replaced(civil_rig)
    assert before != own_fingerprint(rig.site)
    for _time in range(2):
        rig.run()
    found = acts.checked(rig.site)
    assert ([], 3) == (found.breaks, found.checkpoints)
    (told,) = [one for one in entries(rig.site) if one.act == "audit.key"]
    said = {"before": before, "key": own_fingerprint(rig.site)}
    assert ("gateway", said) == (told.actor, told.detail)
    assert 1 == len(checked(rig.site).breaks)


def test_what_was_interrupted_is_told(civil_rig: Rig) -> None:
    """A run that a crash cut short is closed by the next one, and that is told."""
    with civil_rig.site.ledger.begin() as tx:
        number = runs.start(tx, kind="run", actor="gone", today=date(2026, 11, 1))
    civil_rig.run()
    (told,) = [one for one in entries(civil_rig.site) if one.act == "run.interrupted"]
    assert ("gateway", {"run": number}) == (told.actor, told.detail)
