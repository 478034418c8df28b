"""The one place where a site is put together: plugins, settings, keys, ledger, mappings."""

import gc
from functools import cache
from pathlib import Path

from gateway.errors import SettingsFault
from gateway.mappings import MappingFiles
from gateway.settings import load_settings, plugins_of
from gateway.site import Site
from gateway.store import Ledger
from gateway.vault import Keyring
from gateway.words import _


def open_site(root: Path) -> Site:
    """A site ready to work. Raises SettingsFault, KeyFault or StoreFault, each with what to do."""
    plugins = plugins_of(root)
    settings = load_settings(root, plugins)
    mappings = MappingFiles(root / "mappings")
    policy, working_days = mappings.policy(settings.site.place), mappings.working_days()
    for instance in settings.sources.values():
        mappings.list_mapping(instance.settings.plugin)
    keyring = Keyring.load(root / "keys", settings.keys)
    try:
        settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in ("archive", "frames", "incoming"):
            (settings.var / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        what = _("无法建立工作目录:{reason}").format(reason=fault.strerror)
        raise SettingsFault(what, where=str(settings.var), next_step=_("请检查目录权限")) from fault
    ledger = Ledger(settings.database)
    ledger.migrate()
    keyring.index.use(ledger.works_under(keyring.index.key_id))
    _loaded()
    return Site(
        settings=settings,
        plugins=plugins,
        keyring=keyring,
        ledger=ledger,
        mappings=mappings,
        policy=policy,
        working_days=working_days,
    )


@cache
def _loaded() -> None:
    """What the process has loaded by now stays: to look through it for garbage takes a fifth of a second each time.
    Once, since what is garbage by now stays as well."""
    gc.freeze()
