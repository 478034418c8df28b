"""The command line `gateway`: one file per command, each a thin skin over `gateway.acts`.

Takes the process's arguments. Gives data on stdout and talk on stderr, and an exit code (`gateway.errors.ExitCode`).
The modules are imported in the order in which `gateway --help` lists the commands; words that have commands of their
own come last.
"""

# isort: off
from gateway.cli.root import app, main
from gateway.cli import (
    init,
    doctor,
    config,
    plugins,
    run,
    serve,
    status,
    sources,
    runs,
    deliveries,
    explain,
    import_,
    resync,
    verify,
    retention,
    people,
    keys,
    holds,
    outbox,
    cases,
    worklist,
    takebacks,
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
