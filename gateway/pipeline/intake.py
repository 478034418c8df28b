"""One instance's new deliveries: acquired, landed, normalised, written down. One bad delivery stops no other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from gateway.acquire import SourceSession
from gateway.errors import DeliveryRefused, GatewayError, SealBroken
from gateway.land import Landed, keep_bytes, keep_original, land
from gateway.model.deliveries import INCOMPLETE, DeliveryState, LandedFile, Manifest, Mode
from gateway.pipeline import sharing
from gateway.pipeline.known import known
from gateway.pipeline.reading import Read, read_parts
from gateway.pipeline.replaced import refuse_too_late
from gateway.plugin.api import Fetched, Offer, Source
from gateway.redact import redact
from gateway.settings import Instance
from gateway.site import Site
from gateway.store import deliveries
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_hex

__all__ = ["Intake", "SourceSession", "open_session", "outcome_counts", "tried", "visit"]


@dataclass(kw_only=True)
class Intake:
    """What an instance's visit brought."""

    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    #: What went wrong with the source itself, or with offers that may be whole next time.
    faults: list[GatewayError] = field(default_factory=list)


def visit(site: Site, instance: Instance, today: date, *, brought: Source | None = None) -> Intake:
    """Fetches everything new of one instance: from its department, or what a person `brought` in its place."""
    intake = Intake()
    try:
        sharing.require(instance, today)
        with known(instance.name), open_session(site, instance, today) as session:
            source = brought or site.plugins.source(instance.settings.plugin)(instance.options)
            for offer in source.offers(session):
                _take(site, instance, source, session, offer, intake)
    except GatewayError as fault:
        intake.faults.append(fault)
    return intake


def open_session(site: Site, instance: Instance, today: date) -> SourceSession:
    """An instance's session, to be used as a context manager, with what was taken before."""
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx, instance=instance.name)
    usable = [r for r in rows if r.state != DeliveryState.REFUSED and r.business_date is not None]
    taken = [(r.name, r.business_date) for r in usable if r.business_date]
    fulls = [r.business_date for r in usable if r.mode == Mode.FULL and r.business_date]
    return SourceSession(
        instance=instance.name,
        today=today,
        site=site.settings.root,
        keyring=site.keyring,
        incoming=site.incoming(instance.name),
        last_full=max(fulls, default=None),
        last_any=max((day for _name, day in taken), default=None),
        taken=taken,
    )


def _take(site: Site, instance: Instance, source: Source, session: SourceSession, offer: Offer, intake: Intake) -> None:
    digest = sm3_hex(offer.manifest) if offer.manifest else ""
    with site.ledger.begin() as tx:
        if digest and deliveries.known_manifest(tx, instance.name, offer.name, digest):
            return
    session.begin(f"{offer.name} {digest}")
    originals: Sequence[LandedFile] = ()
    try:
        with known(f"{instance.name} {offer.name}"):
            fetched = source.fetch(session, offer)
            originals = _keep(site, fetched, session)
            taken = _take_kept(site, instance, fetched, originals, manifest_digest=digest)
            if taken is not None:
                intake.taken.append(taken.name)
                intake.refused += taken.refused
            session.drop_parts()
    except DeliveryRefused as refusal:
        _refuse(site, instance, session, offer.name, refusal, originals, digest, intake)
    except GatewayError as fault:  # this offer may be whole next time; the others go on
        intake.faults.append(fault)


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """A delivery that was taken."""

    name: str
    #: Names of its parts that cannot be used, where each speaks for its own scope.
    refused: tuple[str, ...]


def _keep(site: Site, fetched: Fetched, session: SourceSession) -> list[LandedFile]:
    """The delivery's originals, in the archive whatever becomes of it."""
    names = [fetched.archive[0]] if fetched.archive else fetched.parts
    sealer, folder = site.keyring.sealer, site.archive
    parts = [keep_original(sealer, folder, n, session.part_path(n), session.part_digest(n)) for n in names]
    return parts + [keep_bytes(sealer, folder, n, content) for n, content in (fetched.extras or {}).items()]


def _keep_finished(site: Site, session: SourceSession) -> list[LandedFile]:
    """What had come whole when a fetch was refused."""
    files = []
    for name, path in session.parts().items():
        try:
            files.append(keep_original(site.keyring.sealer, site.archive, name, path))
        except SealBroken:  # an unfinished part is no original
            continue
    return files


def _take_kept(
    site: Site, instance: Instance, fetched: Fetched, originals: Sequence[LandedFile], *, manifest_digest: str
) -> _Taken | None:
    found = _landed(site, instance, fetched, originals)
    if found is None:
        return None
    landed, read = found
    file, manifest = site.write_frame(read.entries), fetched.manifest
    if landed.broken:  # what is missing, or another file than the promised one, is looked for at every visit
        manifest_digest = ""
    with site.ledger.begin() as tx:
        delivery = deliveries.add(
            tx,
            landed.landing,
            manifest_digest=manifest_digest,
            entries_file=file,
            rows=read.entries.height,
            scopes=_scopes(manifest, read),
            read=read.parts,
        )
        deliveries.add_findings(tx, delivery, read.findings)
        for part, fault in read.broken:
            files = [f for f in landed.landing.files if f.name == part.name]
            deliveries.add_refused(
                tx,
                instance=instance.name,
                name=f"{manifest.name}/{part.name}",
                content_digest=sm3_hex(f"{landed.landing.content_digest} {part.name}".encode()),
                manifest_digest="",
                code=fault.code,
                message=redact(str(fault)),
                files=files,
            )
    return _Taken(name=manifest.name, refused=tuple(f"{manifest.name}/{part.name}" for part, _fault in read.broken))


def _landed(
    site: Site, instance: Instance, fetched: Fetched, originals: Sequence[LandedFile]
) -> tuple[Landed, Read] | None:
    """A delivery, verified and read; None where this very content is known."""
    landed = land(
        instance=instance.name,
        plugin=instance.settings.plugin,
        manifest=fetched.manifest,
        originals=originals,
        archive=fetched.archive,
        sealer=site.keyring.sealer,
        folder=site.archive,
    )
    with site.ledger.begin() as tx:
        if deliveries.known_content(tx, instance.name, landed.landing.content_digest):
            return None
        earlier = deliveries.newest_read(tx, instance.name, fetched.manifest.mode)
        refuse_too_late(deliveries.select(tx, instance=instance.name), fetched.manifest)
    read = read_parts(site, landed, site.mappings.list_mapping(instance.settings.plugin), earlier)
    remarks = tuple((code, detail) for code, detail, _count in read.findings if code == INCOMPLETE)
    return replace(landed, landing=replace(landed.landing, remarks=remarks)), read


def _scopes(manifest: Manifest, read: Read) -> tuple[str, ...]:
    """What the delivery speaks for: no part of which is broken."""
    return tuple(s for s in manifest.scopes if s not in {p.scope for p, _fault in read.broken})


@contextmanager
def tried(site: Site, instance: Instance, today: date, source: Source) -> Iterator[DeliveryRow | None]:
    """The one delivery that the source offers, as taking it in would make it; None where its content is known.

    While this lasts its entries are there, sealed, and afterwards nothing is: the ledger knows nothing of it. Raises
    DeliveryRefused for what would be refused. Call under the site's lock.
    """
    sealed: list[Path] = []
    with open_session(site, instance, today) as session:
        try:
            (offer,) = source.offers(session)
            session.begin(f"{offer.name} ")
            with known(f"{instance.name} {offer.name}"):
                fetched = source.fetch(session, offer)
                originals = _keep(site, fetched, session)
                sealed += [site.archive / file.sealed for file in originals]
                found = _landed(site, instance, fetched, originals)
                row = None
                if found is not None:
                    landed, read = found
                    file = site.write_frame(read.entries)
                    sealed.append(site.frames / file)
                    with site.ledger.begin() as tx:
                        row = deliveries.would_be(
                            tx,
                            landed.landing,
                            entries_file=file,
                            rows=read.entries.height,
                            scopes=_scopes(fetched.manifest, read),
                            read=read.parts,
                        )
            yield row
        finally:
            session.drop_parts()
            for path in sealed:
                path.unlink(missing_ok=True)


def _refuse(
    site: Site,
    instance: Instance,
    session: SourceSession,
    name: str,
    refusal: DeliveryRefused,
    originals: Sequence[LandedFile],
    digest: str,
    intake: Intake,
) -> None:
    """Writes a refused delivery down, with what came of it; one that was refused before as it is is no news."""
    try:
        with known(f"{instance.name} {name}"):
            files = originals or _keep_finished(site, session)
            content = "\n".join([name, refusal.code, digest, *sorted(f.digest for f in files)])
            with site.ledger.begin() as tx:
                fresh = deliveries.add_refused(
                    tx,
                    instance=instance.name,
                    name=name,
                    content_digest=sm3_hex(content.encode()),
                    manifest_digest=digest,
                    code=refusal.code,
                    message=str(refusal),
                    files=files,
                )
            session.drop_parts()
    except GatewayError as fault:
        intake.faults.append(fault)
        return
    if fresh is not None:
        intake.refused.append(name)


def outcome_counts(resolutions: pl.DataFrame) -> Mapping[str, int]:
    """Rows by outcome."""
    counts = resolutions.group_by("outcome").len()
    return dict(zip(counts["outcome"].to_list(), counts["len"].to_list(), strict=True))
