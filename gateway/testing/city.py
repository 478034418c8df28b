"""A city's four departments and its insurance platform, from a folder of days.

Takes a city folder (below) and a folder to work in; gives five running servers with throwaway keys, and puts
each day's deliveries in place when told; refuses a day that the city doesn't have (FileNotFoundError).

| in the city's folder | goes to | when |
| --- | --- | --- |
| `platform_and_tax/`: roster, standing, expenses, settlements | `platform/` | start |
| `platform_and_tax/payments.csv.gz` | `tax/` | start |
| `dayN/mz/outbox/…`, `dayN/xczx/outbox/…` | the same place | `stage(N)`; `.ok`, `SHA256SUMS` last |
| `dayN/holders.json` | `federation/` | `stage(N)` |
| `dayN/roster.csv.gz` | `platform/` | `stage(N)` |
| `dayN/roster.csv.gz` | `platform/` | `stage(N)` |

What a day doesn't have stays as it was.
"""

import csv
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gateway
from gateway.testing.faults import Option
from gateway.testing.fleet import Fleet, Plan
from gateway.testing.folder import put
from gateway.vault.sm import Sm2PrivateKey

#: password of the civil affairs zips in city folders
MZ_PASSWORD = "MZ-zip-2026"
PLATFORM_FILES = ("roster.csv.gz", "standing.json", "expenses.csv.gz", "settlements.csv.gz")
TAX_FILES = ("payments.csv.gz",)
SERVED = ("mz/outbox", "mz/inbox", "xczx/outbox", "xczx/inbox", "federation", "tax", "platform")
#: sources → folders below the work folder
SFTP_FOLDERS = {"civil_affairs": "mz", "rural_revitalization": "xczx"}
#: organisation code under which the gateway calls the platform; 12 characters
ORG_CODE = "451000000001"
#: seconds for the child process to end by itself
STOP_PATIENCE = 10

#: straight to 127.0.0.1, whatever proxy the environment names
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CityPeers:
    """`with CityPeers(city, workdir) as peers: peers.stage(1)`.

    `process`: all servers in one child process instead of threads of this one. `gateway_public_hex`: the
    gateway's SM2 public key (128 hex), by which the platform checks it; without it a pair is made, and the
    platform's address holds its private key. `servers` are the server objects, empty with `process`.
    """

    def __init__(
        self, city: Path, workdir: Path, *, process: bool = False, gateway_public_hex: str | None = None
    ) -> None:
        self.city, self.workdir = city, workdir
        self.addresses: dict[str, dict[str, Any]] = {}  # Any: text, numbers
        self._process = process
        self._secrets = _Secrets(gateway_public_hex)
        self._stack = ExitStack()
        self._before: CityPeers | None = None
        self.servers: dict[str, Any] = {}  # Any: a test knows which server it asks for

    def __enter__(self) -> Self:
        if self._before:
            shutil.copytree(self._before.workdir, self.workdir)
        else:
            self._found()
        plan = self._secrets.plan(self.workdir)
        places = self._start_child(plan) if self._process else self._start_here(plan)
        told = self._secrets.told()
        self.addresses = {name: {**place, **told[name]} for name, place in places.items()}
        if self._before:
            self.servers["insurance_platform"].take_over(self._before.servers["insurance_platform"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def stage(self, day: int) -> None:
        """Put that day's deliveries in place, marks last. FileNotFoundError for a day the city lacks."""
        folder = self.city / f"day{day}"
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        for outbox in ("mz/outbox", "xczx/outbox"):
            files = [path for path in (folder / outbox).rglob("*") if path.is_file()]
            for path in sorted(files, key=_marks_last):
                target = self.workdir / outbox / path.relative_to(folder / outbox)
                target.parent.mkdir(parents=True, exist_ok=True)
                put(path, target)
        self._place(f"day{day}", ("holders.json",), "federation")
        self._place(f"day{day}", ("roster.csv.gz",), "platform")

    def again(self, workdir: Path) -> Self:
        """The same city once more, to be entered: at other addresses in another folder, with the same keys, and from
        what lies here and the platform holds at that moment. Only for servers of this process."""
        other = type(self)(self.city, workdir)
        other._secrets, other._before = self._secrets, self
        return other

    def fault(self, server: str, name: str, **order: Option) -> None:
        """Switch a fault on at a server of `addresses`; `order`: `times`, `where`, `after` and options."""
        self._ask("tax", "faults", json.dumps({"server": server, "name": name, **order}).encode())

    def well_behaved(self) -> None:
        """Switch every fault off."""
        self._ask("tax", "faults", method="DELETE")

    def platform_records(self) -> list[dict[str, str]]:
        """What the platform holds, in the columns of L202, sorted by psn_no, use and begin."""
        text = self._ask("insurance_platform", "records.csv").decode()
        return list(csv.DictReader(io.StringIO(text)))

    def log(self, server: str) -> list[dict[str, Any]]:  # Any: JSON
        """The log of an HTTP server, one entry a request."""
        return list(json.loads(self._ask(server, "log.json")))

    def feedback(self) -> list[dict[str, Any]]:  # Any: JSON
        """What the federation was told: one row `{"batch", "cert_no", "result", "reason"}` a holder."""
        path = self.workdir / "federation" / "feedback.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        batches = [json.loads(line) for line in lines]
        return [{"batch": batch["batch"], **row} for batch in batches for row in batch["rows"]]

    def _found(self) -> None:
        for folder in SERVED:
            (self.workdir / folder).mkdir(parents=True, exist_ok=True)
        self._place("platform_and_tax", PLATFORM_FILES, "platform")
        self._place("platform_and_tax", TAX_FILES, "tax")

    def _place(self, source: str, names: tuple[str, ...], target: str) -> None:
        for name in names:
            path = self.city / source / name
            if path.exists():
                put(path, self.workdir / target / name)

    def _start_here(self, plan: Plan) -> dict[str, dict[str, str | int]]:
        fleet = self._stack.enter_context(Fleet(plan))
        self.servers = dict(fleet.servers)
        return fleet.places()

    def _start_child(self, plan: Plan) -> dict[str, dict[str, str | int]]:
        config = self.workdir / "servers.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps(plan), "utf-8")
        command = [sys.executable, "-m", "gateway.testing", str(config)]
        path = os.pathsep.join([str(Path(gateway.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
        )
        self._stack.callback(_stop_child, child)
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RuntimeError("the servers did not start; see the child process's stderr")
        places: dict[str, dict[str, str | int]] = json.loads(line)
        return places

    def _ask(self, server: str, what: str, body: bytes | None = None, method: str | None = None) -> bytes:
        url = f"{self.addresses[server]['root']}/_testing/{what}"
        with _DIRECT.open(urllib.request.Request(url, data=body, method=method), timeout=60) as answer:
            content: bytes = answer.read()
        return content


class _Secrets:
    """Throwaway keys of one city, and the servers' configuration with them."""

    def __init__(self, gateway_public_hex: str | None) -> None:
        self._made = None if gateway_public_hex else Sm2PrivateKey.generate()
        self._gateway_public = self._made.public.hex if self._made else str(gateway_public_hex)
        self._federation, self._platform = Sm2PrivateKey.generate(), Sm2PrivateKey.generate()
        names = ("mz", "xczx", "federation", "tax")
        self._words = {name: secrets.token_urlsafe(16) for name in names}
        self._sm4 = {name: secrets.token_hex(16) for name in ("federation", "platform")}

    def plan(self, workdir: Path) -> Plan:
        """What `Fleet` takes."""
        sftp = {
            name: {
                "kind": "sftp",
                "root": str(workdir / folder),
                "user": folder,
                "password": self._words[folder],
            }
            for name, folder in SFTP_FOLDERS.items()
        }
        return {
            **sftp,
            "disabled_federation": {
                "kind": "federation",
                "data": str(workdir / "federation"),
                "client_id": "gateway",
                "client_secret": self._words["federation"],
                "sm4_key": self._sm4["federation"],
                "private_key": self._federation.hex,
            },
            "tax": {
                "kind": "tax",
                "data": str(workdir / "tax"),
                "access_key": "gateway",
                "secret_key": self._words["tax"],
            },
            "insurance_platform": {
                "kind": "platform",
                "data": str(workdir / "platform"),
                "sm4_key": self._sm4["platform"],
                "private_key": self._platform.hex,
                "gateway_public": self._gateway_public,
            },
        }

    def told(self) -> dict[str, dict[str, Any]]:  # Any: text
        """What a client needs besides where the servers are."""
        folders = {"outbox": "/outbox", "inbox": "/inbox"}
        sftp = {
            name: {"user": folder, "password": self._words[folder], **folders}
            for name, folder in SFTP_FOLDERS.items()
        }
        platform = {
            "sm4_key": self._sm4["platform"],
            "public_key": self._platform.public.hex,
            "org_code": ORG_CODE,
            "gateway_public_key": self._gateway_public,
        }
        return {
            "civil_affairs": {**sftp["civil_affairs"], "zip_password": MZ_PASSWORD},
            "rural_revitalization": sftp["rural_revitalization"],
            "disabled_federation": {
                "client_id": "gateway",
                "client_secret": self._words["federation"],
                "sm4_key": self._sm4["federation"],
                "public_key": self._federation.public.hex,
            },
            "tax": {"access_key": "gateway", "secret_key": self._words["tax"]},
            "insurance_platform": {**platform, "gateway_private_key": self._made.hex}
            if self._made
            else platform,
        }


def _marks_last(path: Path) -> tuple[bool, str]:
    return path.suffix == ".ok" or path.name == "SHA256SUMS", str(path)


def _stop_child(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.close()
    try:
        child.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
