"""`gateway keys init|list|status|rotate|destroy|passphrase|export`: a site's own keys."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from gateway.acts import actor, keyexport, sites
from gateway.acts import keys as acts
from gateway.acts import signing as acts_signing
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, folder, group, opened
from gateway.pipeline.epochs import Passed
from gateway.pipeline.reindex import Reindexed
from gateway.words import _

_KINDS = {"epoch": _("封存"), "index": _("索引"), "gateway": _("签名(SM2)")}
_PROVIDERS = {"file": _("口令保护的文件"), "credential": _("systemd 凭据")}
#: Files between two words about how far a pass has come.
_TELL_EVERY = 500

keys = group("keys", text=_("站点自己的密钥"))


@command("init", text=_("生成密钥;已有密钥时不会覆盖"), group=keys)
def keys_init(ctx: typer.Context, as_json: AsJson = False) -> None:
    _show(sites.create_keys(folder(ctx), actor=actor()), as_json)


@command("list", text=_("列出密钥的编号和日期,以及须在平台登记的公钥"), group=keys)
def keys_list(ctx: typer.Context, as_json: AsJson = False) -> None:
    _show(sites.list_keys(folder(ctx)), as_json)


@command("status", text=_("每个封存密钥还有多少内容需要它;逐一打开核对"), group=keys)
def keys_status(ctx: typer.Context, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        seen = acts.status(site, actor=actor())
    if as_json:
        print_json(seen)
        return
    line(_("根密钥:{provider};SM2 运算:{sm2}").format(provider=_PROVIDERS[seen.provider], sm2=seen.sm2))
    rows = [
        (one.key.key_id, one.key.created, _("使用中") if one.newest else _("旧"), one.files, one.values)
        for one in seen.epochs
    ]
    table([_("封存密钥"), _("生成日期"), _("状态"), _("文件"), _("台账中的值")], rows)
    states = {True: _("使用中"), False: _("未使用")}
    index = [(key.key_id, key.created, states[key.key_id == seen.index_in_force]) for key in seen.index]
    table([_("索引密钥"), _("生成日期"), _("状态")], index)
    _tell_broken(seen.broken)


@command("rotate", text=_("换用新的封存密钥,并把已有内容逐一换过去;运行照常进行"), group=keys)
def keys_rotate(
    ctx: typer.Context,
    index: Annotated[bool, typer.Option("--index", help=_("换用新的索引密钥;其间没有别的运行"))] = False,
    signing: Annotated[bool, typer.Option("--signing", help=_("生成下一把签名密钥,须同时写 --from"))] = False,
    first: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DAY", formats=["%Y-%m-%d"], help=_("下一把签名密钥的启用日期")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    def tell(files: int) -> None:
        if files % _TELL_EVERY == 0:
            talk(_("已处理 {n} 个文件").format(n=files))

    if signing != (first is not None) or (index and signing):
        raise typer.BadParameter(_("--signing 须与 --from 同时写,且不与 --index 同用"), param_hint="--signing")
    with opened(ctx) as site:
        if first is not None:
            acts_signing.rotate_signing(site, first.date(), actor=actor())
            _show(sites.list_keys(folder(ctx)), as_json)
            return
        if index:
            _tell_reindexed(acts.rotate_index(site, actor=actor(), tell=tell), as_json)
            return
        done = acts.rotate(site, actor=actor(), tell=tell)
    if as_json:
        print_json(done)
        return
    line(_("新的封存密钥:{key_id}").format(key_id=done.key_id))
    _tell_passed(done.passed)
    talk(_("请立即备份 keys/ring.json。旧密钥仍可打开内容;一小时后可用 gateway keys destroy 销毁"))


@command("destroy", text=_("销毁一个旧的封存、索引或签名密钥;先证明没有内容需要它"), group=keys)
def keys_destroy(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help=_("密钥编号,见 gateway keys list"))],
    note: Annotated[str, typer.Option("--note", help=_("理由,记入台账"))],
) -> None:
    with opened(ctx) as site:
        name = acts.destroy(site, key_id, actor=actor(), note=note)
    line(_("已销毁 {key_id};销毁证书 var/certificates/{name}").format(key_id=key_id, name=name))
    talk(_("请把备份中旧的 keys/ring.json 一并销毁,否则旧备份仍能打开"))


@command("passphrase", text=_("更换根密钥文件的口令"), group=keys)
def keys_passphrase(
    ctx: typer.Context,
    new: Annotated[str, typer.Option("--new", help=_("新口令的引用:file:…、env:… 或 prompt"))] = "prompt",
) -> None:
    with opened(ctx) as site:
        acts.change_passphrase(site, new, actor=actor())
    talk(_("口令已更换。请让 [keys] passphrase 指向新口令,再运行 gateway doctor"))


@command("export", text=_("输出根密钥和签名私钥,供 systemd-creds encrypt 加密为凭据;须另一人批准"), group=keys)
def keys_export(
    ctx: typer.Context,
    ask: Annotated[bool, typer.Option("--ask", help=_("申请导出"))] = False,
    approve: Annotated[int | None, typer.Option("--approve", metavar="N", help=_("批准别人的申请"))] = None,
    note: Annotated[str, typer.Option("--note", help=_("申请或批准的理由,记入台账"))] = "",
) -> None:
    if ask or approve is not None:
        with opened(ctx) as site:
            if approve is None:
                number = keyexport.ask(site, actor=actor(), note=note)
                line(_("导出申请 {n},待另一位安全管理员批准").format(n=number))
            else:
                keyexport.approve(site, approve, actor=actor(), note=note)
                line(_("已批准导出申请 {n}").format(n=approve))
        return
    if sys.stdout.isatty():
        talk(_("不能输出到屏幕;请接到 systemd-creds encrypt,见 docs/operations.md"))
        raise typer.Exit(1)
    with opened(ctx) as site:
        line(keyexport.export(site, actor=actor()).decode())


def _show(seen: sites.Keys, as_json: bool) -> None:
    if as_json:
        print_json(seen)
        return
    table([_("用途"), _("编号"), _("生成日期")], [(_KINDS[k.kind], k.key_id, k.created) for k in seen.keys])
    talk(_("本网关的 SM2 公钥(交给医保平台登记):"))
    line(seen.public_key)
    if seen.next_public_key:
        talk(_("下一把公钥,自 {day} 起签名;请在此之前在平台登记:").format(day=seen.next_from))
        line(seen.next_public_key)


def _tell_reindexed(done: Reindexed, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    line(_("新的索引密钥:{key_id}").format(key_id=done.key_id))
    line(_("已换用新密钥:{people} 人,{files} 个文件").format(people=done.people, files=done.files))
    if done.numberless:
        talk(_("其中 {n} 人早已不在名册,人员编号未知:历史保留,但不能再按编号查到").format(n=done.numberless))
    talk(_("请立即备份 keys/ring.json 和台账;以前导出的待核查清单须重新导出,一小时后可销毁旧密钥"))


def _tell_passed(passed: Passed) -> None:
    line(_("已换用新密钥:{files} 个文件,{values} 个值").format(files=passed.files, values=passed.values))
    if passed.left:
        talk(_("{n} 项正在使用,由守护进程稍后换用").format(n=passed.left))
    _tell_broken(passed.broken)


def _tell_broken(broken: list[str] | tuple[str, ...]) -> None:
    if broken:
        talk(_("{n} 项用现有密钥都打不开,请从备份恢复:").format(n=len(broken)))
        for name in broken:
            talk(f"  {name}")
