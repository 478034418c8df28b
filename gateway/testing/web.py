"""The ground the HTTP servers stand on: a thread per connection, HTTP/1.1 kept alive, routes, faults, a log.

Takes requests on 127.0.0.1; gives what the routes answer, spoilt by the faults that are switched on
(`faults.py`); refuses a request without a length, one that is too long (411, 413), and a path that no route
knows (404).

Besides its own routes every server has, under its root:

| request | does |
| --- | --- |
| `POST /_testing/faults` | `{"name", "times", "where", "after", …options, "server"}`: switch a fault on |
| `GET /_testing/faults` | `{"pending": {name: left}, "happened": {name: times}}` |
| `DELETE /_testing/faults` | behave well from now on |
| `GET /_testing/log.json` | an entry a request: method, path, status, seconds, fault, what the server adds |

A fault's `server` names a neighbour in the same process; by default it is this one. No name is in the log; a
status of 0 there means that a fault came instead of carrying the request out.
"""

import json
import re
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from gateway.testing.faults import Fault, Faults, FaultTable
from gateway.testing.wire import Answer, Wire

HOST = "127.0.0.1"
#: bytes of a request's body; the longest that a contract allows has 40 000 characters, sealed and base64
MAX_BODY = 4 * 1024 * 1024
#: seconds between two looks at whether the server shall stop
STOP_POLL = 0.05
#: connections that may wait for a thread
BACKLOG = 128

#: instead of the answer, before anything is carried out
REFUSALS = ("status", "maintenance", "drop", "garbage", "endless")
#: after the request was carried out
LOSSES = ("lost_answer", "stall", "cut")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, read to its end."""

    method: str
    #: path and query as they came, which is what a client signs
    target: str
    #: the path alone
    path: str
    #: last value of each parameter, decoded
    query: Mapping[str, str]
    #: names in lower case
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[[Request, re.Match[str]], Answer]


@dataclass(frozen=True, kw_only=True)
class Route:
    """`pattern` matches the whole path below the server's prefix, or below its root where `at_root`."""

    method: str
    pattern: str
    handler: Handler
    at_root: bool = field(default=False)


class WebServer:
    """A server in its own thread. After `stop()` it may `start()` again, on the same port and
    with all that it remembers.
    """

    def __init__(self, *, known: FaultTable, prefix: str, port: int = 0) -> None:
        self.prefix = prefix
        self.port = port
        self.host = HOST
        self.faults = Faults(known)
        #: the faults of the servers in this process, by the name that the driver gave them
        self.neighbours: dict[str, Faults] = {}
        self.log: list[dict[str, Any]] = []  # Any: JSON values of several shapes
        self.stopping = threading.Event()
        self._routes = [
            (route.method, re.compile(self._whole(route)), route.handler) for route in self._all_routes()
        ]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def root(self) -> str:
        """`http://host:port`, below which `/_testing` lies."""
        return f"http://{self.host}:{self.port}"

    @property
    def base(self) -> str:
        """The base URL that a client is configured with."""
        return self.root + self.prefix

    def start(self) -> None:
        """Listen, and answer in a thread. Raises OSError where the port is taken."""
        self.stopping.clear()
        self._server = _Server((HOST, self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_POLL,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and break the connections that are open."""
        self.stopping.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.close_all()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def routes(self) -> list[Route]:
        """What this server answers; a server says it in its subclass."""
        raise NotImplementedError

    def label(self, request: Request) -> str:
        """What a fault's `where` is sought in."""
        return f"{request.method} {request.path}"

    def respond(self, request: Request) -> tuple[Answer, Fault | None]:
        """The answer, and the fault with which it shall leave."""
        if request.path.startswith("/_testing/"):
            return self._route(request), None
        started = time.perf_counter()
        label = self.label(request)
        fault = self.faults.take(REFUSALS, label)
        answer = Answer(status=0) if fault else self._route(request)
        fault = fault or self.faults.take(LOSSES, label)
        self._note(request, answer, fault, time.perf_counter() - started)
        return answer, fault

    def _note(self, request: Request, answer: Answer, fault: Fault | None, seconds: float) -> None:
        entry = {"method": request.method, "path": request.path, "status": answer.status}
        name = fault.name if fault else ""
        self.log.append({**entry, "seconds": round(seconds, 6), "fault": name, **answer.note})

    def _route(self, request: Request) -> Answer:
        known = False
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return handler(request, found)
            known = known or found is not None
        return Answer.json({"error": "method" if known else "path"}, status=405 if known else 404)

    def _whole(self, route: Route) -> str:
        return route.pattern if route.at_root else re.escape(self.prefix) + route.pattern

    def _all_routes(self) -> list[Route]:
        faults, log = "/_testing/faults", r"/_testing/log\.json"
        return [
            *self.routes(),
            Route(method="POST", pattern=faults, handler=self._switch_on, at_root=True),
            Route(method="GET", pattern=faults, handler=self._tell_faults, at_root=True),
            Route(method="DELETE", pattern=faults, handler=self._clear_faults, at_root=True),
            Route(
                method="GET", pattern=log, handler=lambda request, found: Answer.json(self.log), at_root=True
            ),
        ]

    def _switch_on(self, request: Request, found: re.Match[str]) -> Answer:
        try:
            order = json.loads(request.body)
            self.neighbours.get(order.pop("server", ""), self.faults).add(order.pop("name"), **order)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer.json({"error": str(error)}, status=400)
        return self._tell_faults(request, found)

    def _tell_faults(self, request: Request, found: re.Match[str]) -> Answer:
        return Answer.json({"pending": self.faults.pending(), "happened": dict(self.faults.happened)})

    def _clear_faults(self, request: Request, found: re.Match[str]) -> Answer:
        for faults in (self.faults, *self.neighbours.values()):
            faults.clear()
        return self._tell_faults(request, found)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, address: tuple[str, int], app: WebServer) -> None:
        self.app = app
        self._open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the host's full name, which may wait for a DNS server."""
        socketserver.TCPServer.server_bind(self)

    def process_request(
        self, request: Any, client_address: Any
    ) -> None:  # Any: the base class's types differ by Python
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # Any: as above
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as above
        """A client that goes away is nothing to talk about."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    def close_all(self) -> None:
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it closed by itself in between


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # Any: the base class's signature
        """Nothing on stderr: the log is `WebServer.log`."""

    def _serve(self) -> None:
        app = self.server.app
        wire = Wire(self.connection, app.stopping)
        request = self._read()
        if isinstance(request, Answer):
            wire.send(request)
            self.close_connection = True
            return
        try:
            answer, fault = app.respond(request)
        except Exception:
            traceback.print_exc()
            answer, fault = (
                Answer.json({"error": "the test server itself failed; see its stderr"}, status=500),
                None,
            )
        stays = wire.send(answer) if fault is None else wire.send_spoilt(answer, fault)
        self.close_connection = self.close_connection or not stays

    do_GET = do_POST = do_DELETE = do_PUT = _serve

    def _read(self) -> Request | Answer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit():
            return Answer.json({"error": "Content-Length"}, status=411)
        if int(length) > MAX_BODY:
            return Answer.json({"error": "too long"}, status=413)
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(length))
        return Request(
            method=self.command, target=self.path, path=parts.path, query=query, headers=headers, body=body
        )
