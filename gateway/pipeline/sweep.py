"""Orphans: sealed files that no committed row names. A crash between a file and its row leaves them."""

import time

from gateway.site import Site
from gateway.store import deliveries

#: Seconds that a file must be old before it counts as an orphan: its row may be about to commit.
GRACE = 3600.0


def sweep(site: Site) -> int:
    """Removes orphans. How many. Runs under the site's lock."""
    with site.ledger.begin() as tx:
        named = deliveries.files_in_use(tx)
    removed = 0
    for folder in (site.archive, site.frames):
        for path in folder.iterdir():
            if path.name not in named and time.time() - path.stat().st_mtime > GRACE:
                path.unlink()
                removed += 1
    return removed
