"""The demo's summary, for somebody from the bureau who has never seen the gateway.

Takes a `Story` and the seconds that its parts took; prints tables. Shows nobody: people appear by count, and
those about whom a person must decide by a masked psn_no. Refuses nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from gateway.acts.masks import masked_number
from gateway.demo.city import COUNTIES
from gateway.demo.walk import DayStory, Story
from gateway.model.deliveries import DeliveryState
from gateway.model.outcomes import DEPARTMENT_WORDS, REASONS, Outcome
from gateway.store import decisions, deliveries, outbox, people
from gateway.store.decisions import HoldRow
from gateway.words import _, translated

SOURCES = {
    "civil_affairs": _("民政"),
    "rural_revitalization": _("乡村振兴"),
    "disabled_federation": _("残联"),
    "tax": _("税务"),
    "platform": _("医保平台"),
}
ROOMS = {
    "generate": _("生成虚构城市"),
    "servers": _("启动演示服务器"),
    "roster": _("参保名册"),
    "acquire": _("接收、验签、规范化"),
    "settle": _("核对身份、计算时间轴"),
    "deliver": _("推送医保平台"),
    "feedback": _("回执"),
    "compare": _("与标准答案核对"),
}
#: Why the demo's truth leaves somebody to a person; the words are those of the generator.
OPEN_REASONS = {
    "id_typo": _("证件号码错一位"),
    "id_swap": _("证件号码两位颠倒"),
    "id_missing": _("没有证件号码"),
    "id_excel": _("证件号码被表格软件截断"),
    "stranger_name": _("号码与姓名不是同一人"),
    "head_id": _("用了户主的证件号码"),
    "conflict": _("同一人同一类别的两行互相矛盾"),
    "grade_no_longer_severe": _("残疾等级由重度改为非重度"),
    "died_since": _("名册显示新近死亡,已有标识待处理"),
}
#: What became of people whom a full list leaves out, by state of the departure; a hold is told by itself.
_LEFT_OUT = {
    "released": _("  • {source} 的全量名单不再列出 {n} 人,在限额以内:身份到前一天为止"),
    "waiting": _("  • {source} 的全量名单没有列出 {n} 人,但有存疑的行(号码损坏、丢失等)可能就是他们:先不停止"),
}
#: Masked numbers shown per reason.
SHOWN = 4
#: Differences shown before the rest is only counted.
MOST_DIFFERENCES = 5
_ORDER = (
    Outcome.MATCHED, Outcome.NO_IDENTITY, Outcome.DUPLICATE, Outcome.DECEASED,
    Outcome.UNMATCHED, Outcome.INVALID, Outcome.REVIEW,
)  # fmt: skip


def summary(console: Console, story: Story, spent: Mapping[str, float], city: Path | None) -> None:
    """Prints it all. `city`: where the city's folder is kept, None where it is thrown away."""
    console.rule(_("演示结果"))
    _rows(console, story)
    _records(console, story)
    _cases(console, story)
    _held(console, story)
    _open(console, story, city)
    _seconds(console, story, spent)
    _comparison(console, story)
    _verdict(console, story, spent)


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at < left else "right")
    return table


def _n(number: int) -> str:
    return f"{number:,}"


def _source(name: str) -> str:
    return SOURCES.get(name, name)


def _rows(console: Console, story: Story) -> None:
    """Rows by source and outcome, with the check that they add up."""
    with story.site.ledger.begin() as tx:
        applied = deliveries.select(tx, states=[DeliveryState.APPLIED])
    received, came = Counter[str](), defaultdict[str, Counter[str]](Counter)
    for row in applied:
        received[row.instance] += row.rows
        came[row.instance].update(row.outcomes)
    words = [translated(DEPARTMENT_WORDS[outcome]) for outcome in _ORDER]
    table = _table(
        _("一、收到的每一行到了哪里(三天合计,按部门回执的用语)"), _("来源"), _("收到"), *words, _("合计相符")
    )
    for name in [*(name for name in story.site.settings.sources if name in received), ""]:
        counts = came[name] if name else sum(came.values(), Counter())
        rows = received[name] if name else received.total()
        if not name:
            table.add_section()
        cells = [_n(counts[outcome.value]) for outcome in _ORDER]
        table.add_row(_source(name) or _("合计"), _n(rows), *cells, _yes(counts.total() == rows))
    console.print(table)
    console.print(_("  税务名单是缴费记录,只说明谁已缴费,不产生身份。{n} 个批次全部入账。").format(n=len(applied)))
    console.print()


def _yes(holds: bool) -> str:
    return "[green]✓[/]" if holds else "[bold red]✗[/]"


def _records(console: Console, story: Story) -> None:
    """Records sent, by identity and use."""
    sent: Counter[tuple[str, str]] = Counter()
    with story.site.ledger.begin() as tx:
        runs = [outbox.sent_by_run(tx, run.run) for run in story.runs]
        adopted = people.adopted(tx)
    for use, records, state in (row for run in runs for row in run.select("use", "records", "state").rows()):
        if state == "done":
            sent.update((line.split("|")[0], use) for line in records.splitlines() or ["—|"])
    table = _table(_("二、送到医保平台的身份记录(三天合计)"), _("身份"), _("医疗救助待遇"), _("资助参保"))
    names = {code.code: code.identity for code in story.site.policy.codes} | {"—": _("撤回(不再有身份)")}
    for code, name in names.items():
        if sent[code, "1"] or sent[code, "2"]:
            table.add_row(name, _n(sent[code, "1"]), _n(sent[code, "2"]))
    table.add_section()
    table.add_row(_("合计"), *(_n(sum(n for (_c, u), n in sent.items() if u == use)) for use in ("1", "2")))
    console.print(table)
    items, done = (sum(getattr(run.pushed, what) for run in story.runs) for what in ("sent", "done"))
    told = _("  共 {items} 人次,平台接受 {done} 人次。开始前平台上已有他人写的 {adopted} 条记录,全部保留。")
    console.print(told.format(items=_n(items), done=_n(done), adopted=_n(adopted.height)))
    console.print()


def _cases(console: Console, story: Story) -> None:
    """Open cases by kind and source."""
    with story.site.ledger.begin() as tx:
        counts = decisions.case_counts(tx)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for instance, code, count in counts:
        by_kind[code][instance] += count
    sources = [name for name in SOURCES if any(name == instance for instance, _code, _n in counts)]
    title = _("三、需要人工核查的事项({n} 件):网关不猜,交给经办人").format(n=_n(sum(n for _i, _c, n in counts)))
    table = _table(title, _("原因"), *(_source(name) for name in sources), _("合计"))
    for code, by_source in sorted(by_kind.items(), key=lambda kind: -kind[1].total()):
        cells = [_n(by_source[name]) if by_source[name] else "" for name in sources]
        table.add_row(translated(REASONS.get(code, code)), *cells, _n(by_source.total()))
    console.print(table)
    console.print(_("  待核查的行按天累计;同一个人的同一件事只立一件,所以件数少于行数。"))
    console.print()


def _held(console: Console, story: Story) -> None:
    """What was held and why, what did not come, and what came damaged."""
    console.print(_("四、扣留了什么,什么没有来,什么来时已损坏"), style="bold")
    with story.site.ledger.begin() as tx:
        holds, listed = decisions.holds(tx), deliveries.select(tx)
        believed, left_out = people.recognitions(tx), people.departure_counts(tx)
    for hold in holds:
        _tell_hold(console, hold, story)
    rural = [row for row in listed if row.instance == "rural_revitalization"]
    for before, row in pairwise(rural):
        for scope in sorted(set(before.scopes) - set(row.scopes)):
            stand = believed.filter(pl.col("last").is_null(), scope=scope)["person_key"].n_unique()
            told = _("  • 乡村振兴 {day} 没有 {county} 的工作簿:没有消息不等于停止,该县 {n} 人的身份不变")
            console.print(told.format(day=row.business_date, county=COUNTIES.get(scope, scope), n=_n(stand)))
    sources = {row.id: f"{_source(row.instance)} {row.business_date}" for row in listed}
    for delivery, state, count in left_out:
        if state in _LEFT_OUT:
            console.print(_LEFT_OUT[state].format(source=sources[delivery], n=_n(count)))
    for row in listed:
        if row.state != DeliveryState.APPLIED:
            console.print(f"  • {_source(row.instance)} {row.name}{_(':')}{row.state} {row.message}")
    console.print()


def _tell_hold(console: Console, hold: HoldRow, story: Story) -> None:
    limits = story.site.settings.sources[hold.instance].settings.limits
    console.print(
        _("  • {source} {day} 的全量名单({name})没有列出在册 {holding} 人中的 {leaving} 人,占 {share:.0%}").format(
            source=_source(hold.instance), day=hold.business_date, name=hold.name,
            holding=_n(hold.holding), leaving=_n(hold.leaving), share=hold.leaving / max(1, hold.holding),
        )
    )  # fmt: skip
    why = _("    超过限额({share:.0%} 且 {number} 人),所以一个人也没有停止,先扣留,等人决定")
    console.print(why.format(share=limits.share, number=limits.number))
    if hold.state == "cancelled":
        told = _("    已由另一人({who})驳回,这些人的身份不变;名单上列出的人照常更新")
        console.print(told.format(who=hold.decided_by))


def _open(console: Console, story: Story, city: Path | None) -> None:
    """People about whom the truth itself waits for a person."""
    check = story.days[-1].records
    by_reason: dict[str, list[str]] = defaultdict(list)
    for psn_no, reason in check.open.items():
        by_reason[reason].append(masked_number(psn_no))
    title = _("五、需人工决定的人({n} 人):单列,不计入“一致”").format(n=_n(len(check.open)))
    table = _table(title, _("为什么"), _("人数"), _("人员编号(隐去中段)"))
    table.columns[2].justify = "left"
    for reason, numbers in sorted(by_reason.items(), key=lambda kind: -len(kind[1])):
        more = " …" if len(numbers) > SHOWN else ""
        table.add_row(OPEN_REASONS.get(reason, reason), _n(len(numbers)), "  ".join(numbers[:SHOWN]) + more)
    console.print(table)
    if city is not None:
        console.print(_("  全部名单:{path}").format(path=city / f"day{check.day}" / "truth_open.csv"))
        console.print()


def _seconds(console: Console, story: Story, spent: Mapping[str, float]) -> None:
    """Seconds by room and run."""
    days = [_("第 {n} 天").format(n=day.day) for day in story.days]
    columns = [*days, *(_("驳回后") for _run in story.rejected), _("重放")]
    table = _table(_("六、各环节用时(秒)"), _("环节"), *columns, _("合计"))
    rooms = {room for run in story.runs for room in run.seconds}
    for room in [*(room for room in ROOMS if room in rooms), *sorted(rooms - ROOMS.keys())]:
        cells = [run.seconds.get(room, 0.0) for run in story.runs]
        table.add_row(ROOMS.get(room, room), *(f"{s:.1f}" for s in cells), f"{sum(cells):.1f}")
    table.add_section()
    for part, seconds in spent.items():
        table.add_row(ROOMS.get(part, part), *("" for _column in columns), f"{seconds:.1f}")
    console.print(table)


def _comparison(console: Console, story: Story) -> None:
    """Day by day: records and rows against the truth."""
    title = _("七、与标准答案核对(答案由演示生成器按另一套规则独立算出)")
    headers = (_("比对人数"), _("记录"), _("一致"), _("不一致"), _("比对行数"), _("结果不符"), _("认错人"))
    table = _table(title, _("时间"), *headers, "")
    for day in story.days:
        table.add_row(_("第 {n} 天").format(n=day.day), *_compared(day))
    after = story.after
    cells = (_n(after.people), _n(after.records), _n(after.exact), _n(len(after.wrong)))
    table.add_row(_("驳回后"), *cells, "", "", "", _yes(not after.wrong))
    console.print(table)
    console.print(_("  比对应有或实有身份记录的每一个人(第五项的人除外),以及当天收到的每一行。"))
    _differences(console, story)


def _compared(day: DayStory) -> Sequence[str]:
    records, rows = day.records, day.rows
    numbers = (
        records.people, records.records, records.exact, len(records.wrong), rows.rows,
        len(rows.unexpected), len(rows.strangers),
    )  # fmt: skip
    good = not (records.wrong or rows.unexpected or rows.strangers)
    return [*(_n(number) for number in numbers), _yes(good)]


def _differences(console: Console, story: Story) -> None:
    for day in story.days:
        for psn_no in day.records.wrong[:MOST_DIFFERENCES]:
            told = _("  ✗ 第 {n} 天 {psn_no}:平台上的记录与答案不同")
            console.print(told.format(n=day.day, psn_no=masked_number(psn_no)), style="red")
        for file, row, expected, came in day.rows.unexpected[:MOST_DIFFERENCES]:
            told = _("  ✗ 第 {n} 天 {file} 第 {row} 行:应为 {expected},实为 {came}")
            console.print(told.format(n=day.day, file=file, row=row, expected=expected, came=came), style="red")
        for file, row in day.rows.strangers[:MOST_DIFFERENCES]:
            told = _("  ✗ 第 {n} 天 {file} 第 {row} 行:认成了别人")
            console.print(told.format(n=day.day, file=file, row=row), style="bold red")


def _verdict(console: Console, story: Story, spent: Mapping[str, float]) -> None:
    replay = story.replay
    console.print(
        _("重放:重收批次 {taken},送出变更 {sent},身份变化 {believed},平台变化 {changed} {good}").format(
            taken=replay.taken, sent=replay.sent, believed=replay.recognitions, changed=replay.changed,
            good=_yes(replay.is_still),
        )
    )  # fmt: skip
    for fault in _unique(story.faults):
        console.print(_("  ✗ 运行中的问题:{fault}").format(fault=fault), style="red")
    total = sum(spent.values()) + sum(s for run in story.runs for s in run.seconds.values())
    if story.is_exact:
        told = _("结论:平台上每一条应比对的记录都与标准答案一致,没有一行认错人;全程 {total:.0f} 秒。")
        console.print(told.format(total=total), style="bold green")
    else:
        told = _("结论:与标准答案有差异(见上面的 ✗);全程 {total:.0f} 秒。请加 --keep 目录 再运行,以便查看。")
        console.print(told.format(total=total), style="bold red")


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
