"""A daemon whose site passed to another key of the blind index ends by itself, to be called again."""

from pathlib import Path

from gateway.acts import keys
from gateway.daemon import Daemon
from tests.acts.lived import Lived, copy, opened


def test_a_daemon_with_an_old_index_key_wants_the_site_anew(lived: Lived, tmp_path: Path) -> None:
    """It has digests of before: at its first look at the ledger it stops, and says that it is outdated."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, opened(root) as other:
        daemon = Daemon(site)
        assert not daemon.outdated
        keys.rotate_index(other, actor="security")
        daemon.serve()
        assert daemon.outdated
