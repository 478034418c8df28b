"""Export jobs (contract 税务 tax): order, wait, download, compare.

Takes a peer, the job's body and where each file goes; gives what arrived, every file whole and with the
digest that was announced. `PeerRefused` for a job that isn't ready in time, `PeerBroken` for one that keeps
failing and for files that are not what was announced; else as `http.py`.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import PeerBroken, PeerRefused
from gateway.peers import retry as retrying
from gateway.peers.http import Answer, HttpPeer
from gateway.peers.retry import retry_after
from gateway.peers.shapes import is_count, mapping
from gateway.peers.sink import DigestingSink, Sink
from gateway.words import _

JOBS = "export/jobs"
#: Seconds between two looks at a job, unless Retry-After says less (contract).
POLL_EVERY = 2.0
#: Seconds to wait for one job in all. An export of a city takes minutes; after an hour the next run asks
#: again.
LONGEST_JOB = 3600.0
#: Jobs to order when they fail.
MOST_JOBS = 3
#: Files of one export, and bytes of one file: far over a province's year.
MOST_FILES = 10_000
FILE_LIMIT = 20 * 1024**3

#: A name that is a name: letters, digits, Han, and no way to another folder.
NAME = re.compile(r"[\w\-][\w\-.]{0,199}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ExportFile:
    """One file of an export, as announced."""

    name: str
    #: Relative to the peer's base.
    url: str
    #: Size on the wire.
    bytes: int
    #: Lower-case hex over the bytes on the wire.
    sha256: str
    #: Data rows inside; None where the peer does not say.
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Export:
    """A finished export whose files are in their sinks."""

    files: tuple[ExportFile, ...]


def fetch_export(peer: HttpPeer, body: Mapping[str, object], make_sink: Callable[[str], Sink]) -> Export:
    """Order the export, wait for it, and bring each file into `make_sink(name)`, which is emptied first."""
    for attempt in range(MOST_JOBS):
        if attempt:
            retrying.pause(peer.retry.wait(attempt))
        job_id = _order(peer, body)
        files = _wait(peer, job_id)
        if files is None:
            continue
        for file in files:
            _bring(peer, file, make_sink(file.name))
        return Export(files=files)
    raise PeerBroken(
        _("对方的导出任务多次失败"), where=peer.name, next_step=_("下次运行会重新申请;持续出现时请联系对方")
    )


def _order(peer: HttpPeer, body: Mapping[str, object]) -> str:
    answer = peer.request("POST", JOBS, json=dict(body)).expect(200, 201, 202)
    job_id = str(mapping(answer.json()).get("job_id"))
    if not NAME.fullmatch(job_id):
        raise _nonsense(peer.name)
    return job_id


def _wait(peer: HttpPeer, job_id: str) -> tuple[ExportFile, ...] | None:
    """The job's files; None if it failed or is forgotten, so that another must be ordered."""
    waited = 0.0
    while waited <= LONGEST_JOB:
        answer = peer.request("GET", f"{JOBS}/{job_id}")
        if answer.status == 404:
            return None
        job = mapping(answer.expect(200).json())
        state = job.get("state")
        if state == "done":
            return _files(job.get("files"), peer.name)
        if state == "failed":
            return None
        if state not in ("queued", "running"):
            raise _nonsense(peer.name)
        wait = _until_next_look(answer, peer)
        retrying.pause(wait)
        waited += wait
    raise PeerRefused(_("对方的导出任务迟迟没有完成"), where=peer.name, next_step=_("下次运行会继续等待"))


def _until_next_look(answer: Answer, peer: HttpPeer) -> float:
    asked = retry_after(answer.headers)
    if asked is None:
        return POLL_EVERY
    if peer.retry.is_beyond(asked):
        what = _("对方的导出任务尚未完成,对方要求 {n:.0f} 秒后再来").format(n=asked)
        raise PeerRefused(what, where=peer.name, next_step=_("下次运行会继续等待"))
    # Never zero: a job that never ends must use up `LONGEST_JOB`.
    return max(0.1, asked)


def _files(given: object, where: str) -> tuple[ExportFile, ...]:
    if not isinstance(given, list) or len(given) > MOST_FILES:
        raise _nonsense(where)
    files = tuple(_file(item, where) for item in given)
    if len({file.name for file in files}) != len(files):
        raise _nonsense(where)
    return files


def _file(item: object, where: str) -> ExportFile:
    if not isinstance(item, dict):
        raise _nonsense(where)
    name, url, sha256 = (item.get(field) for field in ("name", "url", "sha256"))
    size, rows = item.get("bytes"), item.get("rows")
    if not (
        isinstance(name, str)
        and NAME.fullmatch(name)
        and isinstance(url, str)
        and isinstance(sha256, str)
        and SHA256.fullmatch(sha256.lower())
        and is_count(size)
        and (rows is None or is_count(rows))
    ):
        raise _nonsense(where)
    return ExportFile(name=name, url=url, bytes=size, sha256=sha256.lower(), rows=rows)


def _bring(peer: HttpPeer, file: ExportFile, sink: Sink) -> None:
    digesting = DigestingSink(sink, hashlib.sha256)
    peer.download(file.url, digesting, limit=FILE_LIMIT, expected_bytes=file.bytes)
    if digesting.hexdigest() != file.sha256:
        digesting.restart()
        raise PeerBroken(
            _("文件 {name} 的摘要与对方声明的不同").format(name=file.name),
            where=peer.name,
            next_step=_("下次运行会重新下载;持续出现时请联系对方"),
        )


def _nonsense(where: str) -> PeerBroken:
    return PeerBroken(
        _("导出任务的应答不合约定"), where=where, next_step=_("下次运行会自动重试;持续出现时请联系对方")
    )
