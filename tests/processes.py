"""Processes of a test, to be killed or to work beside it.

Not forked from the test: polars has threads as soon as it is imported, and a fork would wait for them for ever. They
are forked from a process that has loaded what takes long to load, and has no threads.
"""

from multiprocessing import get_context

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([
    "alembic.command", "apscheduler.schedulers.background", "httpx", "paramiko", "psycopg", "pydantic", "pytest",
    "pyzipper", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "structlog", "xlsxwriter",
])  # fmt: skip
