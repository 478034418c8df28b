"""A chain that was touched does not hold, wherever and however it was touched; one that was not does."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from gateway.audit import Checkpoint, anchors_in, check, fingerprint, hash_of
from gateway.vault import Sm2PrivateKey
from tests.audit.chains import EVERY, chain, checkpoint, entry
from tests.house import tree

KEY, STRANGER = (Sm2PrivateKey.from_hex(digit * 64) for digit in "12")
TRUSTED = {fingerprint(KEY.public.hex)}
#: Entries of the chain, and edits of it.
ENTRIES, EDITS = 45, 1000
SEED = 20261103

Lines = list[bytes]


def is_checkpoint(line: bytes) -> bool:
    return line.startswith(b'{"at":')


def outside(lines: Lines) -> list[str]:
    """The checkpoints as a system's log has them."""
    return [f"Nov  3 06:30:01 gw gateway-audit: {line.decode()}" for line in lines if is_checkpoint(line)]


def holds(lines: Lines, kept: list[str]) -> bool:
    # As a file is read: what an edit did to line ends makes other lines.
    read = re.findall(rb"[^\n]*\n|[^\n]+", b"".join(lines))
    return check(read, trusted=TRUSTED, anchors=anchors_in(kept, "log")).holds


def flip_a_bit(lines: Lines, chance: random.Random) -> Lines:
    content = bytearray(b"".join(lines))
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return [bytes(content)]


def drop(lines: Lines, chance: random.Random) -> Lines:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + 1 :]


def duplicate(lines: Lines, chance: random.Random) -> Lines:
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines) + 1)
    return [*lines[:to], lines[at], *lines[to:]]


def swap(lines: Lines, chance: random.Random) -> Lines:
    a, b = sorted(chance.sample(range(len(lines)), 2))
    return [*lines[:a], lines[b], *lines[a + 1 : b], lines[a], *lines[b + 1 :]]


def forge_an_entry(lines: Lines, chance: random.Random) -> Lines:
    """It fits to what is before it."""
    at = chance.randrange(len(lines) + 1)
    before = [line for line in lines[:at] if not is_checkpoint(line)]
    previous = hash_of(before[-1][:-1]) if before else "0" * 64
    return [*lines[:at], entry(len(before) + 1, previous, forged=True), *lines[at:]]


def change_a_checkpoint(lines: Lines, chance: random.Random) -> Lines:
    """Signed by somebody else, or with another digest, number, time or signature."""
    at = chance.choice([at for at, line in enumerate(lines) if is_checkpoint(line)])
    old = Checkpoint.of_line(lines[at][:-1])
    assert old is not None
    fields = vars(old)
    name = chance.choice(sorted(fields))
    change: Any = {
        "number": old.number + 1,
        "seq": old.seq - 1,
        "at": "2026-11-03T06:30:00.000001Z",
        "key": STRANGER.public.hex,
        **{name: hash_of(lines[at]) for name in ("hash", "previous")},
        "signature": KEY.sign(b"something else").hex(),
    }[name]
    return [*lines[:at], Checkpoint(**{**fields, name: change}).line() + b"\n", *lines[at + 1 :]]


def sign_by_a_stranger(lines: Lines, chance: random.Random) -> Lines:
    """The whole chain, with every signature anew."""
    return chain(chance.randrange(1, ENTRIES + 1), STRANGER)


def cut_the_tail(lines: Lines, chance: random.Random) -> Lines:
    """Anywhere, or behind an earlier checkpoint: then what is left is whole."""
    whole = [at + 1 for at, line in enumerate(lines[:-1]) if is_checkpoint(line)]
    return lines[: chance.choice([chance.randrange(len(lines)), *whole])]


def cut_within_a_line(lines: Lines, chance: random.Random) -> Lines:
    content = b"".join(lines)
    return [content[: chance.randrange(len(content))]]


def link_anew(lines: Lines, chance: random.Random) -> Lines:
    """An entry says something else, and every digest behind it is made to fit; checkpoints too, but for the
    signatures."""
    at, made, seq = chance.randrange(ENTRIES) + 1, Lines(), 0
    previous = before = "0" * 64
    for line in lines:
        if is_checkpoint(line):
            old = Checkpoint.of_line(line[:-1])
            assert old is not None
            new = Checkpoint(**{**vars(old), "hash": previous, "previous": before})
            made.append(new.line() + b"\n")
            before = hash_of(made[-1][:-1])
            continue
        seq += 1
        made.append(entry(seq, previous, **({"changed": True} if seq == at else {})))
        previous = hash_of(made[-1][:-1])
    return made


KINDS: list[Callable[[Lines, random.Random], Lines]] = [
    flip_a_bit,
    drop,
    duplicate,
    swap,
    forge_an_entry,
    change_a_checkpoint,
    sign_by_a_stranger,
    cut_the_tail,
    cut_within_a_line,
    link_anew,
]


def test_each_of_a_thousand_edits_is_found() -> None:
    """Whatever random edit an export gets, it does not hold any more; as it was, it does."""
    lines, chance, made, missed = chain(ENTRIES, KEY), random.Random(SEED), 0, []
    kept = outside(lines)
    assert holds(lines, kept)
    while made < EDITS:
        kind = KINDS[made % len(KINDS)]
        edited = kind(list(lines), chance)
        if b"".join(edited) == b"".join(lines):  # a line swapped with its like
            continue
        made += 1
        if holds(edited, kept):
            missed.append((made, kind.__name__))
    assert [] == missed


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not cut_the_tail], ids=lambda kind: kind.__name__)
def test_nothing_but_a_missing_end_needs_what_is_outside(kind: Callable[[Lines, random.Random], Lines]) -> None:
    """Every edit but a cut behind an earlier checkpoint is found by the export alone."""
    lines, chance = chain(ENTRIES, KEY), random.Random(SEED)
    for _time in range(20):
        edited = kind(list(lines), chance)
        at_a_checkpoint = b"".join(lines).startswith(b"".join(edited)) and is_checkpoint(
            b"".join(edited).rstrip(b"\n").rpartition(b"\n")[2]
        )
        assert at_a_checkpoint or not holds(edited, [])


def test_a_cut_behind_a_checkpoint_is_found_by_what_is_outside() -> None:
    """An export that ends at an earlier checkpoint holds by itself; one checkpoint from outside shows what is gone."""
    lines = chain(ENTRIES, KEY)
    short = lines[: 2 * (EVERY + 1)]
    assert holds(short, outside(short))
    found = check(short, trusted=TRUSTED, anchors=anchors_in(outside(lines), "log"))
    assert [
        f"外部留存(log 第 {n} 行):检查点 {n}(签到第 {min(n * EVERY, ENTRIES)} 条,2026-11-03T06:30:00.000000Z)"
        "这里没有:末尾被截去"
        for n in range(3, 7)
    ] == [one.text for one in found.breaks]


def test_where_it_does_not_hold_is_said() -> None:
    """A break names the line and the entry."""
    lines = chain(ENTRIES, KEY)
    changed = [*lines[:3], entry(4, hash_of(lines[2][:-1]), changed=True), *lines[4:]]
    found = check(changed, trusted=TRUSTED).breaks
    assert [(5, 5)] == [(one.line, one.seq) for one in found]
    found = check(lines[:3] + lines[5:], trusted=TRUSTED).breaks
    assert (4, "缺少第 4 至 5 条") == (found[0].line, found[0].text)
    found = check([*lines[:4], lines[1], *lines[4:]], trusted=TRUSTED).breaks
    assert (5, "第 4 条之后又出现第 2 条:重复、移动或插入") == (found[0].line, found[0].text)


def test_another_key_proves_nothing() -> None:
    """A chain that is whole under a key that nobody trusts does not hold; nor is somebody else's anchor one."""
    strange = chain(EVERY, STRANGER)
    (found,) = check(strange, trusted=TRUSTED).breaks
    assert "不是给定的公钥" in found.text
    (found,) = check(chain(EVERY, KEY), trusted=TRUSTED, anchors=anchors_in(outside(strange), "log")).breaks
    assert "不是给定的公钥" in found.text


def two_keys(first: Sm2PrivateKey, then: Sm2PrivateKey, again: Sm2PrivateKey) -> Lines:
    """A chain signed by one key, then by another, at last by a third or by the first again."""
    lines, digest, before = Lines(), "0" * 64, "0" * 64
    for number, key in enumerate((first, then, again), 1):
        lines.append(entry(number, digest))
        digest = hash_of(lines[-1][:-1])
        lines.append(checkpoint(number, number, digest, before, key))
        before = hash_of(lines[-1][:-1])
    return lines


def test_each_key_proves_what_it_signed() -> None:
    """Where the key was replaced, what each of them signed holds by that one, if both are trusted."""
    lines, both = two_keys(KEY, STRANGER, STRANGER), TRUSTED | {fingerprint(STRANGER.public.hex)}
    assert check(lines, trusted=both).holds
    for one in both:
        assert not check(lines, trusted={one}).holds
    assert check(lines, trusted=both, anchors=anchors_in(outside(lines), "log")).holds


def test_a_key_that_was_replaced_signs_no_more() -> None:
    """Who kept an old key cannot go on with it."""
    found = check(two_keys(KEY, STRANGER, KEY), trusted=TRUSTED | {fingerprint(STRANGER.public.hex)})
    assert ["检查点 3:公钥已被换下,不得再签名"] == [one.text for one in found.breaks]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", 3, "检查点 3 与前一个检查点不衔接"),
        ("previous", "0" * 64, "检查点 2 与前一个检查点不衔接"),
        ("seq", 2 * EVERY + 1, "检查点 2 签的不是此处的记录"),
        ("digest", "0" * 64, "检查点 2 签的不是此处的记录"),
    ],
)
def test_each_link_of_a_checkpoint_counts_by_itself(field: str, value: int | str, said: str) -> None:
    """A checkpoint that the true key signed with one link wrong, and all others right, is found, and nothing else."""
    lines = chain(2 * EVERY, KEY)
    right = Checkpoint.of_line(lines[-1][:-1])
    assert right is not None
    links: dict[str, Any] = {name: vars(right)[name] for name in ("number", "seq", "previous")} | {"digest": right.hash}
    assert check([*lines[:-1], checkpoint(**links, key=KEY)], trusted=TRUSTED).holds
    found = check([*lines[:-1], checkpoint(**{**links, field: value}, key=KEY)], trusted=TRUSTED).breaks
    assert [said] == [one.text.partition(":")[0].partition("(")[0] for one in found]


def test_who_has_the_key_and_changes_the_past_is_found_outside() -> None:
    """A chain signed anew with the true key differs from what left the house."""
    lines = chain(ENTRIES, KEY)
    (first,) = outside(lines)[:1]
    (found,) = check(chain(ENTRIES, KEY), trusted=TRUSTED, anchors=anchors_in([first], "log")).breaks
    assert "外部留存(log 第 1 行):检查点 1 与这里的不同:链被改写" == found.text


def test_what_is_outside_may_stand_among_other_lines() -> None:
    """Lines of a log about anything else are passed over; a damaged one is told."""
    lines = chain(ENTRIES, KEY)
    log = ["Nov  3 sshd[1]: hello\n", *outside(lines), "\n"]
    assert len(outside(lines)) == check(lines, trusted=TRUSTED, anchors=anchors_in(log, "log")).anchors
    damaged = [log[1].replace("gateway-audit/1", "gateway-audit/2")]
    (found,) = check(lines, trusted=TRUSTED, anchors=anchors_in(damaged, "log")).breaks
    assert "外部留存(log 第 1 行):这一行残缺或被改动" == found.text


def test_nothing_is_not_a_chain() -> None:
    """An empty file does not hold."""
    assert not check([], trusted=TRUSTED).holds
    assert not check([checkpoint(1, 1, "0" * 64, "0" * 64, KEY)], trusted=TRUSTED).holds


def documented() -> dict[str, Any]:
    """The program of docs/audit.md, loaded."""
    page = (tree.ROOT / "docs" / "audit.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found
    namespace: dict[str, Any] = {}
    exec(compile(found.group(1), "docs/audit.md", "exec"), namespace)
    return namespace


def test_somebody_else_can_verify_it() -> None:
    """The program in the manual, which shares no line with ours, comes to the same of a chain and of edits of it."""
    verify, lines, chance = documented()["verify"], chain(10, KEY), random.Random(SEED)
    (print_,) = TRUSTED
    assert 10 == verify(lines, print_)
    for kind in (flip_a_bit, drop, swap, forge_an_entry, change_a_checkpoint, sign_by_a_stranger):
        edited = b"".join(kind(list(lines), chance))
        if edited != b"".join(lines):
            with pytest.raises((AssertionError, ValueError, KeyError, TypeError)):
                verify(re.findall(rb"[^\n]*\n|[^\n]+", edited), print_)
