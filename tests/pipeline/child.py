"""One run in a process of its own, to be killed: `python -m tests.pipeline.child SITE DAY`."""

import sys
from datetime import date
from pathlib import Path

from gateway import pipeline
from gateway.bootstrap import open_site
from gateway.peers import retry


def main() -> None:
    """Runs every instance of the site on that day of November; says `ready` when it is about to."""
    retry.pause = lambda seconds: None
    site = open_site(Path(sys.argv[1]))
    print("ready", flush=True)
    pipeline.run(site, list(site.settings.sources), date(2026, 11, int(sys.argv[2])), actor="child")


if __name__ == "__main__":
    main()
