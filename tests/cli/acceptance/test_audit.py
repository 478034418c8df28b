"""`gateway audit`: what was done, or refused, is listed, exported and verified, here and where there is no site."""

import json
from pathlib import Path

import pytest

from gateway.acts import actor
from gateway.model.roles import Role
from tests.acts.lived import Done, Lived, copy, edit, gateway, here, moved, opened
from tests.ledgers import ask, undefended


@pytest.fixture
def site(lived: Lived, tmp_path: Path) -> Path:
    """A site of one's own, whose auditor one is."""
    return now_is(Role.AUDIT, copy(lived.site, tmp_path))


def now_is(role: Role, root: Path) -> Path:
    """Whoever runs the program has this role from now on."""
    with opened(root) as site:
        moved(site, actor(), role)
    return root


def by_clerk(root: Path, *words: str) -> Done:
    """A command of a clerk's, in between."""
    done = here(now_is(Role.CLERK, root), *words)
    now_is(Role.AUDIT, root)
    return done


def test_an_export_is_verified_where_there_is_no_site(site: Path, tmp_path: Path) -> None:
    """Whoever has the file and the fingerprint verifies it in an empty folder; a byte that changed is found, and so is
    a key that is somebody else's."""
    export, empty = tmp_path / "export", tmp_path / "empty"
    empty.mkdir()
    made = gateway(site, "audit", "export", str(export))
    print_ = made.out.splitlines()[-1]
    assert (0, 64, 0o600) == (made.code, len(print_), export.stat().st_mode & 0o777), made.err
    done = gateway(empty, "audit", "verify", str(export), "--key", print_, "--json")
    said = json.loads(done.out)
    assert (0, True, [], 0) == (done.code, said["holds"], said["breaks"], said["unsigned"])
    assert said["entries"] > 50 and said["checkpoints"] > 3
    (public,) = {json.loads(line)["key"] for line in export.read_bytes().splitlines() if b'"key"' in line}
    (empty / "key.txt").write_text(f"{public}\n")
    assert 0 == here(empty, "audit", "verify", str(export), "--key", str(empty / "key.txt")).code
    assert 1 == here(empty, "audit", "verify", str(export), "--key", "0" * 64).code
    assert 1 == here(empty, "audit", "verify", str(export)).code
    content = bytearray(export.read_bytes())
    content[1000] ^= 1
    (tmp_path / "changed").write_bytes(content)
    done = here(empty, "audit", "verify", str(tmp_path / "changed"), "--key", print_)
    assert (1, True) == (done.code, "审计链不完整" in done.out)
    assert 1 == here(site, "audit", "export", str(export)).code  # it is there


def test_an_export_on_standard_output_is_the_export_alone(site: Path, tmp_path: Path) -> None:
    """Through sudo a file would be the service user's: what else is told goes to the person."""
    made = gateway(site, "audit", "export", "-")
    (tmp_path / "export").write_text(made.out)
    print_ = made.err.splitlines()[-1]
    assert (0, 0) == (made.code, gateway(tmp_path, "audit", "verify", str(tmp_path / "export"), "--key", print_).code)
    assert (2, "") == ((refused := gateway(site, "audit", "export", "-", "--json")).code, refused.out)


def test_what_a_command_did_is_signed_at_its_end(site: Path) -> None:
    """Nothing of a clerk's command is unsigned once it has ended, and the auditor sees what it was."""
    now_is(Role.CLERK, site)
    assert 0 == here(site, "outbox", "pause", "--note", "维护").code
    assert ask(site, "SELECT max(id) FROM acts") == ask(site, "SELECT max(seq) FROM audit_checkpoints")
    now_is(Role.AUDIT, site)
    seen = json.loads(here(site, "audit", "list", "--act", "outbox.", "--actor", actor(), "--json").out)
    assert [("outbox.pause", actor(), {"note": "维护"})] == [(one["act"], one["actor"], one["detail"]) for one in seen]
    said = json.loads(here(site, "audit", "verify", "--json").out)
    assert (True, []) == (said["holds"], said["breaks"])


def test_a_refused_act_is_signed_too(site: Path) -> None:
    """Who tried what, and why it was refused, is in the chain, signed; nothing else is written."""
    before = ask(site, "SELECT max(id) FROM acts")[0][0]
    assert 1 == here(site, "outbox", "pause", "--note", "维护").code
    assert [(before + 1,)] == ask(site, "SELECT max(seq) FROM audit_checkpoints")
    (one,) = json.loads(here(site, "audit", "list", "--limit", "1", "--json").out)
    said = (one["id"], one["act"], one["actor"], one["detail"]["wanted"], one["detail"]["why"])
    assert (before + 1, "refused", actor(), "outbox.pause", "role") == said


def test_an_edit_of_the_database_is_found(site: Path) -> None:
    """Who drops the triggers and changes an entry is found by `verify` and by `doctor`, which say where."""
    with pytest.raises(Exception, match="append-only"):
        ask(site, "UPDATE acts SET actor = 'nobody' WHERE id = 7")
    undefended(site, "acts")
    ask(site, "UPDATE acts SET actor = 'nobody' WHERE id = 7")
    done = here(site, "audit", "verify")
    assert (1, True) == (done.code, "第 7 条与第 8 条不衔接" in done.out)
    assert "[有误] 审计:第 7 条与第 8 条不衔接" in here(site, "doctor").out


def test_an_end_that_was_cut_off_is_found_by_what_is_outside(site: Path, tmp_path: Path) -> None:
    """Who takes the newest entries away with their checkpoints has not the file on the other host; without one, doctor
    says that nothing is outside."""
    assert "审计检查点没有存到站点以外" in here(site, "doctor").out
    kept = tmp_path / "anchors"
    edit(site, "[site]\n", f'[audit]\nfile = "{kept}"\n\n[site]\n')
    for word in ("pause", "resume"):
        assert 0 == by_clerk(site, "outbox", word, "--note", "维护").code
    assert (0, 2) == (here(site, "audit", "verify").code, len(kept.read_text().splitlines()))
    (signed,), (last,) = ask(site, "SELECT seq FROM audit_checkpoints ORDER BY number DESC LIMIT 2")[::-1]
    for table in ("acts", "audit_checkpoints"):
        undefended(site, table)
    ask(site, "DELETE FROM acts WHERE id > ?", signed)
    ask(site, "DELETE FROM audit_checkpoints WHERE seq = ?", last)
    done = here(site, "audit", "verify")
    assert (1, True) == (done.code, f"(签到第 {last} 条" in done.out and "末尾被截去" in done.out)
    assert str(kept) in here(site, "config").out


def test_a_place_that_is_away_is_told(site: Path, tmp_path: Path) -> None:
    """A checkpoint that cannot leave fails no command; status and doctor say which place, since when, and why."""
    edit(site, "[site]\n", f'[audit]\nfile = "{tmp_path}/gone/anchors"\n\n[site]\n')
    assert 0 == by_clerk(site, "outbox", "pause", "--note", "维护").code
    for command in ("status", "doctor"):
        assert f"未能存到 file:{tmp_path}/gone/anchors:No such file or directory" in here(site, command).out
    (tmp_path / "gone").mkdir()
    assert 0 == by_clerk(site, "outbox", "resume", "--note", "恢复").code
    assert "未能存到" not in here(site, "status").out


def test_what_everybody_did_names_nobody(lived: Lived, site: Path, tmp_path: Path) -> None:
    """The chain of three days has no name and no number of anybody in it."""
    assert 0 == here(site, "audit", "export", str(tmp_path / "export")).code
    text = (tmp_path / "export").read_text("ascii").encode().decode("unicode_escape")
    whom = {row[name] for row in lived.people() for name in ("psn_name", "certno", "psn_no")}
    assert len(whom) > 1000
    assert [] == [1 for one in whom if one in text]
