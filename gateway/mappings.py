"""Mappings, code table and policies: TOML files read into plain values. A site's own file overrides the shipped one."""

import tomllib
from collections.abc import Sequence
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from gateway.calendar import WorkingDays
from gateway.errors import SettingsFault
from gateway.model.mapping import Column, Fault, ListMapping
from gateway.model.outcomes import REASONS
from gateway.model.policy import Condition, IdentityCode, Policy, SubsidyRule
from gateway.redact import foreign, redact, toml_place
from gateway.words import _

#: What a list can be, and what a column can hold; docs/plugins.md says what each means.
FORMATS = ("csv", "sheet", "records")
KINDS = ("text", "name", "number", "date_first", "date_last", "date_birth", "code", "amount", "digits")

#: The table of holidays and of the weekend days that make up for them.
HOLIDAYS = "holidays.toml"


class MappingFiles:
    """Where mapping files are looked for: the site's folder first, then what is shipped."""

    def __init__(self, site_folder: Path | None = None) -> None:
        self._site_folder = site_folder

    def list_mapping(self, plugin: str) -> ListMapping:
        """`<plugin>.toml`. Raises SettingsFault that names the file and what is wrong in it."""
        name = f"{plugin}.toml"
        data = self._read(name)
        try:
            return _checked(_list_mapping(plugin, data))
        except (KeyError, TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as fault:
            raise _broken(name, fault) from fault

    def policy(self, place: str) -> Policy:
        """`policies/<place>.toml` with the code table of `identities.toml`. Raises SettingsFault."""
        name = f"policies/{place}.toml"
        data, table = self._read(name), self._read("identities.toml")
        try:
            return _policy(data, table)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise _broken(name, fault) from fault

    def working_days(self) -> WorkingDays:
        """`holidays.toml`: the site's years beside the shipped ones, and instead of them. Raises SettingsFault."""
        own = self._read(HOLIDAYS)
        try:
            return _working_days({**tomllib.loads(_shipped(HOLIDAYS)), **own})
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise _broken(HOLIDAYS, fault) from fault

    def _read(self, name: str) -> dict[str, Any]:  # parsed TOML
        own = self._site_folder / name if self._site_folder else None
        try:
            text = own.read_text("utf-8") if own and own.is_file() else _shipped(name)
            return tomllib.loads(text)
        except (OSError, ValueError, RecursionError) as fault:  # tomllib's own, and that of a number too long
            raise _broken(name, fault) from fault


def _shipped(name: str) -> str:
    return resources.files("gateway_mappings").joinpath(*name.split("/")).read_text("utf-8")


class _Wrong(ValueError):
    """What is wrong with a mapping, in words of ours and names from the file."""


def _broken(name: str, fault: Exception) -> SettingsFault:
    ours = isinstance(fault, _Wrong | pl.exceptions.PolarsError)  # of a rule that was read, and of no list
    told = redact(f"{foreign(fault)} {fault}") if ours else foreign(fault)
    if isinstance(fault, tomllib.TOMLDecodeError):
        told = f"{told} {toml_place(fault)}"
    elif type(fault) is KeyError and fault.args:  # the key that is missing is ours
        told = f"{told} {redact(str(fault.args[0]))}"
    what = _("映射文件有误:{fault}").format(fault=told.rstrip())
    return SettingsFault(what, where=f"mappings/{name}", next_step=_("请更正后运行 gateway doctor"))


def _list_mapping(plugin: str, data: dict[str, Any]) -> ListMapping:  # parsed TOML
    columns = tuple(
        Column(
            field=field,
            aliases=tuple(spec["aliases"]),
            kind=spec["kind"],
            required=spec.get("required", False),
        )
        for field, spec in data["columns"].items()
    )
    return ListMapping(
        plugin=plugin,
        title=data["title"],
        format=data["format"],
        columns=columns,
        codes=data.get("codes", {}),
        derive=tuple(data.get("derive", {}).items()),
        faults=tuple(Fault(code=f["code"], when=f["when"]) for f in data.get("faults", [])),
        sheet=data.get("sheet", ""),
        footers=tuple(data.get("footers", ())),
        keep=tuple(data.get("keep", ())),
        ignored=tuple(data.get("ignored", ())),
        inferred_ends=data.get("inferred_ends", False),
        statements=data.get("statements", True),
    )


def _checked(mapping: ListMapping) -> ListMapping:
    """The mapping, if a list can be read by it. Raises ValueError or PolarsError: a fault shows before any delivery."""
    kinds = {column.kind for column in mapping.columns}
    uncoded = [c.field for c in mapping.columns if c.kind == "code" and c.field not in mapping.codes]
    codes = [fault.code for fault in mapping.faults if fault.code not in REASONS]
    if mapping.format not in FORMATS or not kinds <= set(KINDS) or uncoded or codes:
        wrong = [*({mapping.format} - set(FORMATS)), *sorted(kinds - set(KINDS)), *uncoded, *codes]
        raise _Wrong("unknown format or kind, code column without codes, or unknown fault: " + ", ".join(wrong))
    for expression in (*(e for _field, e in mapping.derive), *(fault.when for fault in mapping.faults)):
        pl.sql_expr(expression)
    return mapping


def _policy(data: dict[str, Any], table: dict[str, Any]) -> Policy:  # parsed TOML
    codes = tuple(
        IdentityCode(
            identity=row["name"],
            code=row["code"],
            levels=tuple(row.get("levels", ())),
            months=row.get("months"),
        )
        for row in table["identity"]
    )
    rules = tuple(
        SubsidyRule(identity=rule["identity"], share=rule["share"], when_any=_conditions(rule.get("when_any", ())))
        for rule in data["subsidy"]
    )
    known = {code.identity for code in codes}
    unknown = [rule.identity for rule in rules if rule.identity not in known]
    if unknown:
        raise _Wrong("unknown identity: " + ", ".join(unknown))
    return Policy(place=data["place"], source=data["source"], codes=codes, subsidies=rules)


def _working_days(years: dict[str, Any]) -> WorkingDays:  # parsed TOML
    off: set[date] = set()
    for year in years.values():
        for first, last in year["off"]:
            if not timedelta(0) <= last - first < timedelta(days=31):
                raise _Wrong(f"off: {first} to {last}")
            off.update(first + timedelta(days=n) for n in range((last - first).days + 1))
    on = {day for year in years.values() for day in year["work"]}
    if wrong := [day for day in on if day in off or day.weekday() < 5]:
        raise _Wrong(f"work: {wrong[0]} is a holiday, or no weekend")
    return WorkingDays(off=frozenset(off), on=frozenset(on), years=frozenset(map(int, years)))


def _conditions(rows: Sequence[dict[str, Any]]) -> tuple[Condition, ...]:  # parsed TOML
    return tuple(Condition(**row) for row in rows)
