"""How a command is called, and how it was called wrongly, in the words of whoever reads it.

Takes what the parser of the command line says; gives the same in sentences of ours. What was typed is not repeated
where it may be somebody's number. `Any` stands for the parser's own classes, which typer does not export.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from typer import BadParameter
from typer._click.exceptions import BadOptionUsage, MissingParameter, NoArgsIsHelpError, NoSuchOption, UsageError
from typer.core import TyperCommand, TyperGroup

from gateway.redact import redact
from gateway.words import _

OPTIONS, COMMANDS = _("[选项]"), _("命令 …")
#: What stands for the value of an option that does not name it.
_VALUES = {str: "TEXT", int: "N"}


class Misuse(UsageError):
    """A command that was called wrongly, said in our words."""


@contextmanager
def _in_our_words(ctx: Any) -> Iterator[None]:
    """Raises `Misuse` in place of what the parser raises."""
    try:
        yield
    except (Misuse, NoArgsIsHelpError):
        raise
    except UsageError as fault:
        raise Misuse(redact(_sentence(fault, ctx)), ctx) from fault


def _sentence(fault: UsageError, ctx: Any) -> str:
    if isinstance(fault, NoSuchOption):
        return _("没有选项 {name}").format(name=fault.option_name) + _meant(fault.possibilities or ())
    if isinstance(fault, BadOptionUsage):
        named = [one for one in ctx.command.params if fault.option_name in one.opts]
        form = _("选项 {name} 不带值") if named and named[0].is_flag else _("选项 {name} 后面缺少值")
        return form.format(name=fault.option_name)
    if isinstance(fault, MissingParameter):
        return _("缺少 {name}").format(name=_named(fault.param)) + _expected(fault.param)
    if isinstance(fault, BadParameter):
        if fault.param is None:  # ours
            return f"{fault.param_hint}{_(':')}{fault.message}"
        return _("{name} 的值不对").format(name=_named(fault.param)) + _expected(fault.param)
    if isinstance(ctx.command, TyperGroup):
        return _("缺少命令,可选:{values}").format(values=_("、").join(ctx.command.commands))
    return _("参数比需要的多")


def _named(parameter: Any) -> str:
    names: list[str] = parameter.opts
    return names[0] if names and names[0].startswith("-") else str(parameter.display_name_raw)


def _expected(parameter: Any) -> str:
    form = parameter.type_descriptor
    if form.is_choice:
        return _(",可选:{values}").format(values=_("、").join(str(value) for value in form.choices))
    if form.is_datetime:
        return _(",应写成 2026-11-05")
    if form.is_ranged:
        return _(",应为不小于 {least} 的整数").format(least=form.parameter_info.min)
    return _(",应为整数") if form.annotation in (int, int | None, list[int], list[int] | None) else ""


def _meant(close: Iterable[str]) -> str:
    names = _("、").join(sorted(close))
    return _(";是否要用 {names}").format(names=names) if names else ""


class _Ours:
    """What commands and groups of them have in common."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _in_our_words(ctx):
            rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]  # of the class it is mixed into
        return rest

    def invoke(self, ctx: Any) -> Any:
        with _in_our_words(ctx):
            return super().invoke(ctx)  # type: ignore[misc]

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        pieces = self.collect_usage_pieces(ctx)  # type: ignore[attr-defined]
        formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=_("用法:"))

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters: an option has a value's name, and none where it takes no value."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in parameters:
            if one.metavar is None and one.param_type_name == "option":
                one.metavar = "" if one.is_flag else _VALUES.get(one.type_descriptor.annotation)
        return parameters

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = _("显示帮助后退出")
        return option


class Command(_Ours, TyperCommand):
    """One command."""


class Group(_Ours, TyperGroup):
    """Commands under one word."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that the first argument names. Raises `Misuse`."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            what = redact(_("没有命令 {name}").format(name=args[0]))
            raise Misuse(what + _meant(get_close_matches(args[0], self.commands)), ctx)
        return super().resolve_command(ctx, args)
