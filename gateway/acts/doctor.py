"""Is the site well: configuration, plugins, keys, secrets, database, disk, clock, and a connection to every peer.

Takes a site's folder, whatever its state. Gives one finding per check, in plain words, with what to do. Changes
nothing but for brought-up-to-date tables of the ledger, and a message number for signing in.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pydantic import BaseModel

import gateway
from gateway.acts import alarms, audit, exposure, runs
from gateway.acts.advice import ending_sentence, overdue_sentence
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, GatewayError, SettingsFault
from gateway.peers.ssh import HostKey, show_host_key
from gateway.pipeline.channels import bare
from gateway.pipeline.checks import check_platform, check_source, clock_difference
from gateway.pipeline.sharing import endings
from gateway.plugin.api import HttpOptions
from gateway.plugin.loader import Plugins
from gateway.settings import Settings, load_key_settings, load_settings, plugins_of
from gateway.site import Site
from gateway.store import grants
from gateway.store import runs as run_rows
from gateway.vault import Keyring, read_secret, sm2
from gateway.vault.secrets import FORMS
from gateway.words import _

#: Free bytes below which nothing should start, and below which somebody should look.
DISK_LEAST, DISK_LOW = 1 << 30, 5 << 30
#: Peers' signatures and tokens carry times; their contracts allow five minutes.
CLOCK = timedelta(minutes=5)
#: The holidays of a year are made known in the November before.
HOLIDAYS_AHEAD = timedelta(days=31)
#: Seconds for a server to show its host key.
_HOST_KEY_PATIENCE = 15.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found."""

    #: Stable, for scripts: settings, plugins, keys, exposure, secrets, disk, database, people, clock, calendar,
    #: sharing, audit, or a peer's name.
    check: str
    #: ok | warning | fault
    state: str
    text: str
    #: What to do; "" where there is nothing to do.
    next_step: str = ""
    exit_code: ExitCode = ExitCode.DONE


def examine(root: Path) -> Iterator[Finding]:
    """All checks that the site's state allows, one after the other; peers side by side."""
    plugins = plugins_of(root)
    yield from _plugins(plugins)
    settings: list[Settings] = []
    yield _checked("settings", lambda: settings.append(load_settings(root, plugins)), _("配置文件没有错误"))
    yield _keys(root)
    if settings:
        yield from _privileges(settings[0])
        yield _exposed(root, settings[0])
        yield from _sharing(settings[0])
        yield from _channels(settings[0])
        yield from _secrets(settings[0])
    yield _disk(root)
    sites: list[Site] = []
    if settings:
        yield _checked("database", lambda: sites.append(_opened(root)), _("台账数据库可用,表结构为最新"))
    if not sites:
        text = _("以上问题解决后才能检查各方连接")
        yield Finding(check="peers", state="warning", text=text, next_step=_("请更正后再运行 gateway doctor"))
        return
    try:
        yield _clock(sites[0])
        yield from _people(sites[0])
        yield from _calendar(sites[0])
        yield from _audit(sites[0])
        yield from _peers(sites[0])
    finally:
        sites[0].ledger.close()


def worst(findings: list[Finding]) -> ExitCode:
    """The exit code that tells a script what to do first."""
    order = [ExitCode.DONE, ExitCode.HELD, ExitCode.LATER, ExitCode.FAILED, ExitCode.CONFIGURATION]
    return max((f.exit_code for f in findings), key=order.index, default=ExitCode.DONE)


def host_key(address: str) -> HostKey:
    """The key that the SSH server at `host:port` shows. Raises SettingsFault for another form, or as `show_host_key`.

    A person compares its fingerprint with what the department says, and only then writes the line down.
    """
    host, _colon, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        what = _("地址应写成 主机:端口")
        raise SettingsFault(what, where=address, next_step=_("例如 gateway doctor --host-key sftp.example:22"))
    return show_host_key(host.strip("[]"), int(port), _HOST_KEY_PATIENCE)


def _checked(check: str, action: Callable[[], object], good: str) -> Finding:
    try:
        action()
    except GatewayError as fault:
        return _fault(check, fault)
    return Finding(check=check, state="ok", text=good)


def _fault(check: str, fault: GatewayError) -> Finding:
    text = f"{fault.where}{_(':')}{fault.what}" if fault.where else fault.what
    return Finding(check=check, state="fault", text=text, next_step=fault.next_step, exit_code=fault.exit_code)


def _opened(root: Path) -> Site:
    site = open_site(root)
    site.ledger.check()
    return site


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    for name, why in plugins.broken.items():
        text = _("插件 {name} 有错,已停用:{why}").format(name=name, why=why)
        step = _("请更正或移走该插件文件;其他插件不受影响")
        yield Finding(check="plugins", state="fault", text=text, next_step=step, exit_code=ExitCode.FAILED)
    used = [info for info in plugins.found if not info.broken]
    for mark in sorted({info.mark for info in used if info.kind != "site"}):
        names = _("、").join(info.name for info in used if info.mark == mark)
        yield Finding(check="plugins", state="ok", text=_("{names}:版本 {mark}").format(names=names, mark=mark))
    for info in used:
        if info.kind == "site":
            text = _("{name}:摘要 {mark} 与 gateway.toml 相符;文件和目录只有 root 能改写")
            yield Finding(check="plugins", state="ok", text=text.format(name=info.name, mark=info.mark))


def _privileges(settings: Settings) -> Iterator[Finding]:
    """What would undo that only root can change the code."""
    if settings.site.trial:
        text = _("试验站点:只能连接本机,插件可以属于运行它的人")
        yield Finding(check="plugins", state="warning", text=text, next_step=_("正式使用前从 [site] 删去 trial"))
    elif os.geteuid() == 0:
        text = _("以 root 运行:程序出错时可以改写本机的一切,包括插件")
        step = _("请用站点自己的系统用户运行(sudo -u 用户名)")
        yield Finding(check="plugins", state="warning", text=text, next_step=step)
    elif os.access(Path(gateway.__file__).parent, os.W_OK):
        text = _("运行网关的用户能改写程序本身")
        step = _("请把程序安装在 root 所有的目录,例如 /opt/gateway")
        yield Finding(check="plugins", state="warning", text=text, next_step=step)


def _exposed(root: Path, settings: Settings) -> Finding:
    """Whether only the service user reads keys, data and ledger."""
    places = [str(place) for place in exposure.readable(root, settings.database)]
    if not places:
        return Finding(check="exposure", state="ok", text=_("密钥、数据和台账只有服务用户能读"))
    text = _("其他用户可以读到:{places}").format(places=_("、").join(places))
    step = _("请运行 chmod go= {places}").format(places=" ".join(places))
    return Finding(check="exposure", state="fault", text=text, next_step=step, exit_code=ExitCode.FAILED)


def _people(site: Site) -> Iterator[Finding]:
    """Whether anybody may do anything, and whose accounts these are."""
    with site.ledger.begin() as tx:
        standing = grants.listed(tx, ["granted"])
    if not standing:
        step = _("请运行 gateway people found,在此之前其他命令都会被拒绝")
        yield Finding(check="people", state="warning", text=_("站点还没有设立人员"), next_step=step)
        return
    told = list(exposure.doubtful(standing, site.settings.root / "keys"))
    for text, step in told:
        yield Finding(check="people", state="warning", text=text, next_step=step)
    if not told:
        yield Finding(check="people", state="ok", text=_("有角色的账号都是本机上个人的账号"))


def _sharing(settings: Settings) -> Iterator[Finding]:
    """Until when each instance may be pulled."""
    ending = endings(settings.sources.values(), runs.today())
    for one in ending:
        text, step = ending_sentence(one)
        state, code = ("fault", ExitCode.FAILED) if one.over else ("warning", ExitCode.DONE)
        yield Finding(check="sharing", state=state, text=text, next_step=step, exit_code=code)
    if not ending:
        yield Finding(check="sharing", state="ok", text=_("各来源的共享都在期限内"))


def _keys(root: Path) -> Finding:
    try:
        place = load_key_settings(root)
        keyring = Keyring.load(root / "keys", place)
        text = _("站点密钥可用;SM2 运算:{sm2}").format(sm2=sm2.adapter())
    except GatewayError as fault:
        return _fault("keys", fault)
    if keyring.provider.kind == "file" and place.passphrase.startswith("file:keys/"):
        text += _("。口令与密钥文件在同一目录,得到其一即得其二")
        step = _("请把口令移到站点目录之外,例如 systemd 凭据,再改 [keys] passphrase(docs/operations.md)")
        return Finding(check="keys", state="warning", text=text, next_step=step)
    return Finding(check="keys", state="ok", text=text)


def _channels(settings: Settings) -> Iterator[Finding]:
    """What is said to protect peers that are spoken to in plain HTTP."""
    for name, host, channel in bare(settings):
        text = _("{name}:{host} 使用 http://,由「{channel}」保护;网关看不到它是否真的有效")
        step = _("请确认该设备仍在保护这条通道;可能时改用 https://")
        text = text.format(name=name, host=host, channel=channel)
        yield Finding(check="channels", state="warning", text=text, next_step=step)


def _secrets(settings: Settings) -> Iterator[Finding]:
    models = {"platform": settings.platform, **{n: i.options for n, i in settings.sources.items()}}
    faults = 0
    for name, model in models.items():
        for key, reference in _references(model):
            finding = _checked("secrets", partial(read_secret, reference, settings.root), "")
            if finding.state != "ok":
                faults += 1
                text = f"[{name}] {key}{_(':')}{finding.text}"
                yield Finding(
                    check="secrets", state="fault", text=text, next_step=finding.next_step, exit_code=finding.exit_code
                )
    if not faults:
        yield Finding(check="secrets", state="ok", text=_("引用的口令和密钥都能读取"))


def _references(model: BaseModel) -> Iterator[tuple[str, str]]:
    for key in type(model).model_fields:
        value = getattr(model, key)
        if isinstance(value, str) and value.startswith(FORMS):
            yield key, value


def _disk(root: Path) -> Finding:
    folder = root / "var" if (root / "var").is_dir() else root
    try:
        free = shutil.disk_usage(folder).free
    except OSError as fault:
        text = _("站点目录读不到:{reason}").format(reason=fault.strerror)
        return Finding(check="disk", state="fault", text=text, exit_code=ExitCode.CONFIGURATION)
    text = _("磁盘剩余 {free:.1f} GiB").format(free=free / (1 << 30))
    step = _("请清理或扩容 {folder} 所在的磁盘").format(folder=folder)
    if free < DISK_LEAST:
        return Finding(check="disk", state="fault", text=text, next_step=step, exit_code=ExitCode.LATER)
    if free < DISK_LOW:
        return Finding(check="disk", state="warning", text=text, next_step=step)
    return Finding(check="disk", state="ok", text=text)


def _clock(site: Site) -> Finding:
    """Against the first HTTP peer that says the time; else against the ledger, which cannot be ahead of us."""
    step = _("请校准本机时间(例如启用 NTP):签名和令牌都带时间")
    for name, options in _http_peers(site):
        try:
            ahead = clock_difference(site, options, name)
        except GatewayError:
            continue
        if ahead is not None:
            text = _("本机时间与 {name} 相差 {seconds:.0f} 秒").format(name=name, seconds=abs(ahead.total_seconds()))
            good = abs(ahead) <= CLOCK
            return Finding(
                check="clock",
                state="ok" if good else "fault",
                text=text,
                next_step="" if good else step,
                exit_code=ExitCode.DONE if good else ExitCode.FAILED,
            )
    with site.ledger.begin() as tx:
        newest = run_rows.recent(tx, 1)
    if newest and newest[0].started_at > datetime.now(UTC).replace(tzinfo=None) + CLOCK:
        text = _("台账中最近一次运行的时间在将来,本机时间可能被拨回")
        return Finding(check="clock", state="fault", text=text, next_step=step, exit_code=ExitCode.FAILED)
    return Finding(check="clock", state="warning", text=_("没有可以核对时间的对方"), next_step=step)


def _calendar(site: Site) -> Iterator[Finding]:
    """Which lists have not come by their day, and whether the table of holidays reaches far enough."""
    kept = [s.settings.calendar for s in site.settings.sources.values() if s.settings.calendar]
    if not kept:
        return
    late = [overdue_sentence(one) for one in alarms.overdue(site)]
    for text, step in late:
        yield Finding(check="calendar", state="warning", text=text, next_step=step)
    today = runs.today()
    years = {today.year, (today + HOLIDAYS_AHEAD).year} if any(c.working_days for c in kept) else set()
    missing = sorted(years - site.working_days.years)
    for year in missing:
        text = _("{year} 年没有放假调休表,按周一至周五为工作日").format(year=year)
        step = _("请按国务院办公厅的通知写入站点的 mappings/holidays.toml")
        yield Finding(check="calendar", state="warning", text=text, next_step=step)
    if not late and not missing:
        yield Finding(check="calendar", state="ok", text=_("约定的名单都已按期到达"))


def _audit(site: Site) -> Iterator[Finding]:
    """Whether the audit chain holds, and whether its checkpoints are outside."""
    try:
        found = audit.checked(site)
    except GatewayError as fault:
        yield _fault("audit", fault)
    else:
        step = _("请保留现场,运行 gateway audit verify 查看全部,并与站点以外的检查点核对")
        for broken in found.breaks[:1]:
            yield Finding(
                check="audit", state="fault", text=broken.text, next_step=step, exit_code=ExitCode.FAILED
            )
        if found.holds:
            text = _("审计链完整:{n} 条记录,{c} 个检查点").format(n=found.entries, c=found.checkpoints)
            yield Finding(check="audit", state="ok", text=text)
    for _place, text in audit.alarms(site):
        step = _("请检查该位置;恢复后下一次运行自动补送")
        yield Finding(check="audit", state="fault", text=text, next_step=step, exit_code=ExitCode.FAILED)
    if not audit.kept_at(site):
        text, step = _("审计检查点没有存到站点以外"), _("请在 gateway.toml 的 [audit] 中设置 syslog 或 file")
        yield Finding(check="audit", state="warning", text=text, next_step=step)


def _http_peers(site: Site) -> Iterator[tuple[str, HttpOptions]]:
    models = {"platform": site.settings.platform, **{n: i.options for n, i in site.settings.sources.items()}}
    for name, options in models.items():
        if isinstance(options, HttpOptions):
            yield name, options


def _peers(site: Site) -> Iterator[Finding]:
    def source(name: str) -> Finding:
        try:
            said = check_source(site, site.settings.sources[name], runs.today())
        except GatewayError as fault:
            return _fault(name, fault)
        return Finding(check=name, state="ok", text=_(";").join(said) or _("已连接"))

    def platform() -> Finding:
        return _checked("platform", lambda: check_platform(site, runs.today()), _("已签到,双方密钥相符"))

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(platform), *(pool.submit(source, name) for name in site.settings.sources)]
        for answer in answers:
            yield answer.result()
