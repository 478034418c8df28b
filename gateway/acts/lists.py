"""A list that came on a USB stick: taken in by a person, for an instance; or what taking it in would change."""

from datetime import date

from gateway.acts import runs
from gateway.acts.files import outside
from gateway.acts.rights import May, acting
from gateway.errors import NotAllowed
from gateway.model.deliveries import DeliveryState, Mode
from gateway.pipeline import RunReport, sharing
from gateway.pipeline.bring import Brought, bring, opened
from gateway.pipeline.intake import Intake
from gateway.pipeline.preview import preview_import
from gateway.site import Site
from gateway.store import deliveries
from gateway.store.ledger import record_act
from gateway.words import _


def import_list(
    site: Site, instance: str, brought: Brought, *, actor: str, day: date | None = None
) -> tuple[Intake, RunReport | None]:
    """Takes the list in and settles the site: what became of the file, and of the run.

    Raises NotFound for an unknown instance, SharingEnded, NotAllowed for what a person said of the list, TryLater where
    a run goes on, DiskFault. A list that cannot be used is refused and kept, like any other delivery.
    """
    day = day or runs.today()
    with acting(site, actor, "import") as may:
        _asked(site, instance, brought, day, may)
        intake = _brought(site, instance, brought, day, may, actor)
    if intake.faults:
        raise intake.faults[0]
    if not intake.taken:
        return intake, None
    said = _("名单已接收,但另一个运行正在进行")
    return intake, runs.settle_after(site, day, actor=actor, kind="import", recorded=said)


def would_import(
    site: Site, instance: str, brought: Brought, *, actor: str, day: date | None = None
) -> runs.Looked | None:
    """What taking the list in and settling would change; None where it is known. Writes nothing but that somebody
    looked, with counts and digests. Raises as `import_list`, and DeliveryRefused for a list that would be refused."""
    day = day or runs.today()
    with acting(site, actor, "preview.import") as may:
        _asked(site, instance, brought, day, may)
        found = preview_import(site, site.settings.sources[instance], brought, day)
        if found is None:
            return None
        seen, content = found
        with site.ledger.begin() as tx:
            may(tx, county=brought.scope, instance=instance)
            return runs.looked(tx, seen, actor=actor, instance=instance, content=content)


def _asked(site: Site, instance: str, brought: Brought, day: date, may: May) -> None:
    """Refuses who may not, a source whose sharing has ended, a file that is none, and a slip of the hand."""
    runs.check_instances(site, [instance])
    with site.ledger.begin() as tx:
        may(tx, county=brought.scope, instance=instance)
    sharing.require(site.settings.sources[instance], day)
    outside(site, brought.file)
    opened(brought.file).close()
    _check(site, instance, brought, day)


def _brought(site: Site, instance: str, brought: Brought, day: date, may: May, actor: str) -> Intake:
    told = {"mode": brought.mode.value, "business_date": brought.business_date.isoformat(), "scope": brought.scope}
    with site.lock():
        with site.ledger.begin() as tx:
            may(tx, county=brought.scope, instance=instance)
            record_act(tx, actor=actor, act="list.import", instance=instance, **told)
        return bring(site, site.settings.sources[instance], brought, day)


def _check(site: Site, instance: str, brought: Brought, day: date) -> None:
    """Refuses what earlier deliveries of the instance show to be a slip of the hand."""
    if brought.business_date > day:
        raise _refused(instance, _("业务日期晚于今天"), _("请用 --business-date 给出名单的日期"))
    if brought.file.suffix.lower() == ".zip" and not hasattr(site.settings.sources[instance].options, "zip_password"):
        raise _refused(instance, _("这个来源没有压缩包口令(zip_password)"), _("请先解压,再导入其中的名单文件"))
    with site.ledger.begin() as tx:
        before = [d for d in deliveries.select(tx, instance=instance) if d.state != DeliveryState.REFUSED]
    if brought.mode is Mode.DELTA and brought.sequence is None and any(d.sequence is not None for d in before):
        raise _refused(instance, _("这个来源的增量有序号"), _("请用 --sequence 给出批次序号"))
    scopes = {scope for d in before for scope in d.scopes}
    if scopes and ("" in scopes) != (brought.scope == ""):
        step = (
            _("请去掉 --scope:这个来源的名单是全市的")
            if "" in scopes
            else _("请用 --scope 给出县区代码:{scopes}").format(scopes=_("、").join(sorted(scopes)))
        )
        raise _refused(instance, _("名单范围与以往不一致"), step)


def _refused(instance: str, what: str, next_step: str) -> NotAllowed:
    return NotAllowed(what, where=instance, next_step=next_step)
