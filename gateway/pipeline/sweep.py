"""Orphans: sealed files that no committed row names, and partial downloads that nobody goes on with.

A crash between a file and its row leaves the former, a delivery that was replaced before it had come whole the latter.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from gateway.site import Site
from gateway.store import checkpoints, deliveries
from gateway.vault.rewrap import shred

#: Seconds that a file must be old before it counts as an orphan: its row may be about to commit.
GRACE = 3600.0
#: Seconds after which a partial download is given up.
PARTIAL_GRACE = 7 * 86_400.0


def sweep(site: Site) -> int:
    """Removes orphans. How many. Runs under the site's lock."""
    with site.ledger.begin() as tx:
        named = deliveries.files_in_use(tx) | checkpoints.files_in_use(tx)
    sealed = [path for folder in (site.archive, site.frames) for path in _older(folder.iterdir(), GRACE)]
    orphans = [path for path in sealed if path.name not in named]
    orphans += _older((site.settings.var / "incoming").glob("*/*.part"), PARTIAL_GRACE)
    for path in orphans:
        shred(path)
    return len(orphans)


def _older(paths: Iterable[Path], seconds: float) -> list[Path]:
    return [path for path in paths if time.time() - path.stat().st_mtime > seconds]
