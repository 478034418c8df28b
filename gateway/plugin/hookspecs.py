"""The hooks. They are asked once, when the gateway starts; a run then addresses one instance by its name."""

from collections.abc import Callable

import pluggy

from gateway.plugin.api import Platform, Source

hookspec = pluggy.HookspecMarker("gateway")
hookimpl = pluggy.HookimplMarker("gateway")


@hookspec
def gateway_register_sources(register: Callable[[type[Source]], None]) -> None:
    """Called once at start. `register` takes a `Source` class; its `slug` must be free.

    Raise nothing: a plugin that raises is named, set aside, and the others run.
    """


@hookspec
def gateway_register_platforms(register: Callable[[type[Platform]], None]) -> None:
    """Called once at start. `register` takes a `Platform` class; its `slug` must be free.

    Raise nothing: a plugin that raises is named, set aside, and the others run.
    """
