"""The command line `gateway`: one file per command, each a thin skin over `gateway.acts`.

Takes the process's arguments. Gives data on stdout and talk on stderr, and an exit code (`gateway.errors.ExitCode`).
The modules are imported in the order in which `gateway --help` lists the commands.
"""

# isort: off
from gateway.cli.root import app, main
from gateway.cli import (
    init,
    doctor,
    config,
    keys,
    retention,
    people,
    plugins,
    run,
    serve,
    status,
    sources,
    runs,
    deliveries,
    holds,
    outbox,
    verify,
    cases,
    worklist,
    takebacks,
    explain,
    import_,
    resync,
    audit,
)
# isort: on

__all__ = [
    "app",
    "audit",
    "cases",
    "config",
    "deliveries",
    "doctor",
    "explain",
    "holds",
    "import_",
    "init",
    "keys",
    "main",
    "outbox",
    "people",
    "plugins",
    "resync",
    "retention",
    "run",
    "runs",
    "serve",
    "sources",
    "status",
    "takebacks",
    "verify",
    "worklist",
]
