"""`gateway.toml`: read, and checked as a whole.

All faults of the file are reported at once, an unknown key is a fault. Secrets are references (`file:…`, `env:…`,
`credential:…`), never values.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway import calendar
from gateway.errors import PluginFault, SettingsFault
from gateway.peers.tls import host_of, is_loopback
from gateway.plugin.api import HttpOptions, PluginOptions, SftpOptions
from gateway.plugin.loader import Allowed, Plugins, load_plugins
from gateway.redact import foreign, toml_place
from gateway.vault import USUAL_PLACE, KeySettings
from gateway.words import _

M = TypeVar("M", bound=BaseModel)

FILE = "gateway.toml"
#: Instance names become folder names, log fields, and `src_dept` on the platform.
_INSTANCE = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")
#: A plugin's digest, or a package and its version.
_MARK = re.compile(r"^(?:sm3:[0-9a-f]{64}|[A-Za-z0-9._-]+==\S+)$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSettings(_Strict):
    """The bureau and its place."""

    #: Name of the bureau, for reports.
    name: str = ""
    #: Policy: `mappings/policies/<place>.toml`.
    place: str = "baise"
    #: Flags are sent from this day on; what ended before is not.
    flags_from: date
    #: A roster that lost more than this share of its people overnight, or gives as many another number, is not taken;
    #: raise it when that is right.
    roster_shrink: float = Field(default=0.10, ge=0, le=1)
    #: SQLAlchemy address of the ledger; empty = `var/ledger.db` of the site.
    database: str = ""
    #: For trying things out: every peer must be on this machine, and plugins may belong to whoever runs it.
    trial: bool = False


class AuditSettings(_Strict):
    """Where the checkpoints of the audit chain are kept outside."""

    #: The system's log: path of its socket, or host:port (UDP); "" = not there.
    syslog: str = ""
    #: A file to which each checkpoint adds a line, best on another host's mount; "" = none.
    file: str = ""

    @field_validator("syslog")
    @classmethod
    def _path_or_port(cls, where: str) -> str:
        if where and not where.startswith("/") and not re.fullmatch(r"[^\s]+:\d{1,5}", where):
            raise ValueError("path of a socket, or host:port")
        return where

    @field_validator("file")
    @classmethod
    def _whole_path(cls, where: str) -> str:
        if where and not Path(where).is_absolute():
            raise ValueError("an absolute path")
        return where


class RetentionSettings(_Strict):
    """After how many days since it arrived, or was replaced, a class of data of a delivery goes; 0 = it is kept."""

    #: Originals of deliveries that were applied, and are in force no longer.
    originals: int = Field(default=0, ge=0)
    #: Originals of deliveries that were refused, and what was read of them.
    refused: int = Field(default=0, ge=0)
    #: What was read of lists of payments, and whom their rows meant.
    payments: int = Field(default=0, ge=0)
    #: What was read of lists of people, but for what it said under person keys. From when they were replaced for all
    #: that they speak for, and as many more as since the last list came that is put before that.
    people: int = Field(default=0, ge=0)


class LimitSettings(_Strict):
    """Past a share and the number that belongs to it, departures or a whole list are held until a person decides."""

    #: Departures of a scope, of the people who hold something there.
    share: float = Field(default=0.10, ge=0, le=1)
    number: int = Field(default=20, ge=0)
    #: Departures of an identity in a county, of the people who hold it there.
    identity_share: float = Field(default=0.20, ge=0, le=1)
    identity_number: int = Field(default=20, ge=0)
    #: Past both of these a hold, of departures or of a whole list, is released by two people only.
    second_share: float = Field(default=0.30, ge=0, le=1)
    second_number: int = Field(default=60, ge=0)
    #: Rows of an identity in a county more than the list before had, as a share of those: 1 = to double.
    arrivals_share: float = Field(default=1.0, ge=0)
    arrivals_number: int = Field(default=100, ge=0)
    #: Rows that stand in another category or level than by the list before.
    mix_share: float = Field(default=0.20, ge=0, le=1)
    mix_number: int = Field(default=20, ge=0)
    #: Rows that are invalid, unmatched or in review.
    unusable_share: float = Field(default=0.50, ge=0, le=1)
    unusable_number: int = Field(default=20, ge=0)
    #: By how much the share of invalid and unmatched rows may be above that of the list before.
    unusable_rise: float = Field(default=0.20, ge=0, le=1)
    #: A business date so many days after that of the delivery before: two quarters, and some days.
    days_ahead: int = Field(default=200, ge=1)


class CalendarSettings(_Strict):
    """On which days a list is expected, and how long it may take to come."""

    #: Cron line of at most one time a day (China's).
    expected: str
    #: Hours or days after that time, as `36h` or `3d`; days are working days where lists come on these only.
    grace: str = "1d"
    #: On a day off no list is expected: it is on the next working day.
    working_days: bool = True

    @field_validator("expected")
    @classmethod
    def _once_a_day(cls, line: str) -> str:
        return calendar.daily(line)

    @field_validator("grace")
    @classmethod
    def _hours_or_days(cls, text: str) -> str:
        calendar.grace(text)
        return text


class SharingSettings(_Strict):
    """By what right an instance's data are shared (政务数据共享条例). Without it nothing is pulled."""

    #: Its number in the catalogue of shared government data (政务数据共享目录).
    catalogue: str = Field(min_length=1)
    #: What they may be used for, as it was granted.
    purpose: str = Field(min_length=1)
    #: The law, or the agreement, by which.
    basis: str = Field(min_length=1)
    #: The last day.
    valid_until: date


class SourceSettings(_Strict):
    """What the gateway itself needs of an instance; the rest is the plugin's."""

    plugin: str
    #: Cron line (minute hour day month weekday-name) for `gateway serve`.
    schedule: str = "30 6 * * *"
    limits: LimitSettings = LimitSettings()
    #: When its lists are expected; None = whenever they come.
    calendar: CalendarSettings | None = None
    sharing: SharingSettings
    #: Who answers for the sharing at the source, and is called when something is wrong with it.
    contact: str = Field(min_length=1)

    @field_validator("schedule")
    @classmethod
    def _followed(cls, line: str) -> str:
        return calendar.cron(line)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One configured source."""

    name: str
    settings: SourceSettings
    options: PluginOptions


#: Nothing ends by itself where nobody said so.
_KEPT = RetentionSettings()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A site's configuration, checked."""

    root: Path
    site: SiteSettings
    platform_plugin: str
    platform: PluginOptions
    sources: Mapping[str, Instance]
    keys: KeySettings = USUAL_PLACE
    retention: RetentionSettings = _KEPT
    #: Instances whose plugin is broken, and why: nothing is pulled for them, what they said goes on counting.
    set_aside: Mapping[str, str] = field(default_factory=dict)
    audit: AuditSettings = field(default_factory=AuditSettings)

    @property
    def var(self) -> Path:
        """Where the gateway keeps what it works with."""
        return self.root / "var"

    @property
    def database(self) -> str:
        """SQLAlchemy address of the ledger."""
        return self.site.database or f"sqlite:///{self.var / 'ledger.db'}"


def plugins_of(root: Path) -> Plugins:
    """The site's plugins, each checked before it is executed. A file that cannot be read lets none of the site's own
    in, and `load_settings` says what is wrong with it."""
    try:
        data = _read(root / FILE)
    except SettingsFault:
        data = {}
    named, site = data.get("plugins"), data.get("site")
    marks = {k: v for k, v in named.items() if isinstance(v, str)} if isinstance(named, dict) else {}
    trial = isinstance(site, dict) and site.get("trial") is True
    return load_plugins(root, Allowed(named=marks, trial=trial))


def load_settings(root: Path, plugins: Plugins) -> Settings:
    """The site's settings. Raises SettingsFault with every fault of the file."""
    data = _read(root / FILE)
    faults: list[str] = _unknown_marks(data.pop("plugins", {}))
    site = _section(SiteSettings, data.pop("site", {}), "site", faults)
    keys = _section(KeySettings, data.pop("keys", {}), "keys", faults)
    audit = _section(AuditSettings, data.pop("audit", {}), "audit", faults)
    retention = _section(RetentionSettings, data.pop("retention", {}), "retention", faults)
    faults += _no_tables(data)
    platform_data = dict(data.pop("platform", {}))
    platform_plugin = str(platform_data.pop("plugin", "insurance_platform"))
    platform = _options(plugins.platform, platform_plugin, platform_data, "platform", faults)
    set_aside: dict[str, str] = {}
    sources = _sources(data.pop("sources", {}), plugins, faults, set_aside)
    faults += [_("[{key}]:不认识的段").format(key=key) for key in data]
    if site and site.trial:
        faults += _elsewhere({"platform": platform, **{f"sources.{n}": i.options for n, i in sources.items()}})
    if not sources and not set_aside and not faults:
        faults.append(_("没有配置任何来源([sources.名称])"))
    if faults or site is None or platform is None or keys is None or audit is None or retention is None:
        raise _faulty(root, faults)
    return Settings(
        root=root,
        site=site,
        platform_plugin=platform_plugin,
        platform=platform,
        sources=sources,
        keys=keys,
        retention=retention,
        set_aside=set_aside,
        audit=audit,
    )


def load_key_settings(root: Path) -> KeySettings:
    """Where the site's keys are, whatever else its configuration says; a folder without one has the usual place.

    Raises SettingsFault for a fault of `[keys]`, or a file that is no TOML.
    """
    faults: list[str] = []
    section = _read(root / FILE).get("keys", {}) if (root / FILE).exists() else {}
    keys = _section(KeySettings, section, "keys", faults)
    if keys is None:
        raise _faulty(root, faults)
    return keys


def _faulty(root: Path, faults: list[str]) -> SettingsFault:
    step = _("请更正 {file} 后运行 gateway doctor").format(file=root / FILE)
    what = "\n  ".join([_("配置有 {n} 处错误").format(n=len(faults)), *faults])
    return SettingsFault(what, where=FILE, next_step=step)


def _read(path: Path) -> dict[str, Any]:  # parsed TOML
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as fault:
        what, step = _("找不到配置文件"), _("请先运行 gateway init 目录,再用 --site 指定该目录")
        raise SettingsFault(what, where=str(path), next_step=step) from fault
    except (OSError, ValueError, RecursionError) as fault:  # tomllib's own, and that of a number too long
        # Only where: the text may quote what somebody typed there.
        what = _("无法读取配置文件:{fault} {place}").format(fault=foreign(fault), place=toml_place(fault)).rstrip()
        raise SettingsFault(what, where=str(path), next_step=_("请更正后运行 gateway doctor")) from fault


def _no_tables(data: dict[str, Any]) -> list[str]:  # parsed TOML
    """A fault for each section that is none, which is taken out."""
    bad = [key for key in ("platform", "sources") if not isinstance(data.get(key, {}), dict)]
    for key in bad:
        del data[key]
    sources: dict[str, Any] = data.get("sources", {})
    inner = [name for name, section in sources.items() if not isinstance(section, dict)]
    for name in inner:
        del sources[name]
    return [_("[{key}]:应为一段").format(key=key) for key in (*bad, *(f"sources.{name}" for name in inner))]


def _unknown_marks(named: Any) -> list[str]:  # parsed TOML
    """A fault for each line of `[plugins]` that is neither a digest nor a version."""
    if not isinstance(named, dict):
        return [_("[plugins]:应为一段")]
    bad = [name for name, mark in named.items() if not (isinstance(mark, str) and _MARK.match(mark))]
    return [_("[plugins] {name}:应为 gateway plugins 显示的摘要或版本").format(name=name) for name in bad]


def _elsewhere(peers: Mapping[str, PluginOptions | None]) -> list[str]:
    """A fault for each peer of a trial site that is not this machine."""
    return [
        _("[{where}]:试验站点([site] trial)只能连接本机").format(where=where)
        for where, options in peers.items()
        if (isinstance(options, HttpOptions) and not is_loopback(host_of(options.base)))
        or (isinstance(options, SftpOptions) and not is_loopback(options.host))
    ]


def _section(model: type[M], data: Any, where: str, faults: list[str]) -> M | None:  # parsed TOML
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # pydantic's own text would repeat the value, which may be a secret somebody typed here
        faults += [
            f"[{where}] {'.'.join(map(str, e['loc']))}:{_kind(e['type'], e['msg'])}" for e in error.errors()
        ]
        return None


def _kind(kind: str, message: str) -> str:
    known = {"missing": _("缺少此项"), "extra_forbidden": _("不认识的项")}
    return known.get(kind, _("取值不对({message})").format(message=message))


def _options(
    find: Any, slug: str, data: Any, where: str, faults: list[str]
) -> PluginOptions | None:  # find: Plugins.source
    try:
        model: type[PluginOptions] = find(slug).Options
    except PluginFault as fault:
        faults.append(f"[{where}] plugin:{fault}")
        return None
    return _section(model, data, where, faults)


def _sources(
    data: Mapping[str, Any], plugins: Plugins, faults: list[str], set_aside: dict[str, str]
) -> dict[str, Instance]:  # parsed TOML
    """The instances that can run. One whose plugin is broken is set aside, and the others run."""
    own = set(SourceSettings.model_fields)
    instances = {}
    for name, section in data.items():
        where = f"sources.{name}"
        if not _INSTANCE.match(name) or name == "platform":
            faults.append(_("[{where}]:名称只能用小写字母、数字、-、_,且不能是 platform").format(where=where))
            continue
        settings = _section(SourceSettings, {k: v for k, v in section.items() if k in own}, where, faults)
        if settings is None:
            continue
        if settings.plugin in plugins.broken and settings.plugin not in plugins.sources:
            set_aside[name] = plugins.broken[settings.plugin]
            continue
        rest = {k: v for k, v in section.items() if k not in own}
        options = _options(plugins.source, settings.plugin, rest, where, faults)
        if options is not None:
            instances[name] = Instance(name=name, settings=settings, options=options)
    return instances
