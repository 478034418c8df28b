"""`make demo`: the main job for real, on an invented city and servers on loopback. Exits 1 if a record differs.

Takes a number of people, a seed, an amount of dirt, and a folder to keep everything in (else all of it is thrown
away); prints progress to stderr and one summary to stdout. Refuses too few people and a folder that is in use
already (exit 2).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from gateway.demo.generate import LEAST_PEOPLE, generate
from gateway.demo.show import summary
from gateway.demo.walk import Tell, walk
from gateway.logs import written_to
from gateway.words import _

#: Columns where the output goes to a file or a pipe: wide enough for the widest table.
PLAIN_WIDTH = 110


def main(arguments: list[str] | None = None) -> int:
    """Generate, walk, compare, tell. The exit code."""
    given = _arguments(arguments)
    with _workplace(given.keep) as work:
        spent: dict[str, float] = {}
        city = work / "city"
        with (work / "gateway.log").open("w", encoding="utf-8") as log, written_to(log), _progress() as tell:
            tell(_("生成虚构城市:{n:,} 名参保人,三天的部门名单,标准答案").format(n=given.people))
            start = time.perf_counter()
            made = generate(city, given.people, given.seed, dirt=given.dirt)
            spent["generate"] = time.perf_counter() - start
            story = walk(city, made.days, work, tell, spent)
        console = _console()
        summary(console, story, spent, city if given.keep else None)
        story.site.ledger.close()
        if given.keep:
            console.print(_("站点、日志、服务器目录、城市和答案都留在 {folder}").format(folder=work))
    return 0 if story.is_exact else 1


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo", description=_("在虚构城市上完整演示一遍主流程,全部在本机进行")
    )
    parser.add_argument("--people", type=int, default=20_000, help=_("参保人数,默认 20000"))
    parser.add_argument("--seed", type=int, default=1, help=_("随机种子,默认 1"))
    parser.add_argument("--dirt", type=float, default=1.0, help=_("脏数据倍数,默认 1,0 为干净"))
    parser.add_argument("--keep", type=Path, help=_("把站点、城市和答案留在这个(空)目录;不给则用完即删"))
    given = parser.parse_args(arguments)
    if given.people < LEAST_PEOPLE:
        parser.error(_("--people 至少为 {n}").format(n=LEAST_PEOPLE))
    if given.keep and given.keep.exists() and (not given.keep.is_dir() or any(given.keep.iterdir())):
        parser.error(_("--keep 的目录不是空的,请换一个"))
    return given


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        yield Path(folder)


@contextmanager
def _progress() -> Iterator[Tell]:
    """Says what is under way: one moving line at a terminal, a line each elsewhere."""
    console, start = _console(stderr=True), time.perf_counter()
    if not console.is_terminal:
        yield lambda text: console.print(f"[{time.perf_counter() - start:5.1f} s] {text}", markup=False)
        return
    with console.status("") as status:

        def tell(text: str) -> None:
            status.update(text)
            console.print(f"{time.perf_counter() - start:6.1f} s  {text}", markup=False)

        yield tell


def _console(*, stderr: bool = False) -> Console:
    found = Console(stderr=stderr, highlight=False)
    width = None if found.is_terminal else max(PLAIN_WIDTH, found.width)
    return Console(stderr=stderr, highlight=False, width=width)


if __name__ == "__main__":
    sys.exit(main())
