"""Builds a centre from its settings: database, engines, blob store, and the loops of every room."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from wutong.app.plan import local_size
from wutong.centre.comparison.comparer import Comparer
from wutong.centre.engines.local import cards
from wutong.centre.engines.local.client import LocalEngine
from wutong.centre.forecast.teller import Teller
from wutong.centre.inventory import Inventory
from wutong.centre.maintenance.keeper import MaintenanceKeeper
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.registry import Engines
from wutong.centre.service import seed_cards, seed_local
from wutong.centre.utilisation.tally import Tally
from wutong.centre.watcher import make_watchers
from wutong.compute.billing.direct import Direct
from wutong.compute.billing.ladder import Ladder
from wutong.compute.billing.settler import Settler
from wutong.compute.books.reader import Reader
from wutong.compute.catalogue.service import seed_prices
from wutong.compute.environments.builder import Builder
from wutong.compute.environments.service import seed_environments
from wutong.compute.jobs.collector import Collector as JobCollector
from wutong.compute.jobs.preparer import Preparer
from wutong.compute.jobs.rules import JobLimits
from wutong.compute.jobs.tracker import Tracker
from wutong.compute.orders.keeper import Keeper
from wutong.desk.notices.mailer import Mailer
from wutong.desk.notices.notifier import CHANNELS, Notifier
from wutong.desk.webhooks.courier import CHANNEL as DELIVERIES
from wutong.desk.webhooks.courier import Courier
from wutong.hub.blobs.rules import BlobStore
from wutong.hub.gc.collector import Collector as HubCollector
from wutong.hub.service import open_blobs
from wutong.hub.storage.meter import StorageMeter
from wutong.hub.uploads.folder import UploadFolder
from wutong.identity import service as identity
from wutong.identity.letters.writer import Writer
from wutong.kit.database import Database
from wutong.kit.loops import Loop
from wutong.kit.mail import make_sender
from wutong.kit.outbox import Outbox, Postman
from wutong.kit.postgres import EmbeddedPostgres
from wutong.kit.seal import ensure_key
from wutong.kit.settings import Settings
from wutong.ledger.service import expire_credits


@dataclass(frozen=True, slots=True)
class Centre:
    """What the processes of a centre share by construction. `close` gives the database connections back."""

    settings: Settings
    database: Database
    engines: Engines
    blobs: BlobStore

    def close(self) -> None:
        """Close what is open."""
        self.database.close()


def build_centre(settings: Settings, *, pool_size: int, max_overflow: int | None = None) -> Centre:
    """Build a centre on a database that runs. Nothing is asked of database or engines yet."""
    ensure_key(settings.key_file)
    database = Database(_database_url(settings), pool_size=pool_size, max_overflow=max(20, pool_size) if max_overflow is None else max_overflow)
    return Centre(settings, database, build_engines(settings), open_blobs(settings.blob_url, settings.blobs))


def build_engines(settings: Settings) -> Engines:
    """Return the engines of the settings: the local one, and one for each cluster."""
    engines = Engines([LocalEngine(settings.agent_home)], allow_unconfined_tenants=settings.allow_unconfined_tenants)
    if settings.slurm:
        from wutong.app.clusters import build_cluster  # centres without a cluster never load it

        for cluster in settings.slurm:
            engines.add(build_cluster(settings, cluster))
    return engines


def build_loops(centre: Centre) -> list[Loop]:
    """Return every background loop of the house. What wakes one is the channel of the journal or table it reads."""
    settings, database, engines, blobs = centre.settings, centre.database, centre.engines, centre.blobs
    limits = JobLimits.of(settings)
    uploads = UploadFolder(settings.home / "uploads")
    grace = timedelta(minutes=settings.grace_minutes)
    outbox = Outbox.of(settings)
    courier = Courier(database, settings.key_file, loopback=settings.webhook_loopback)
    return [
        Loop("centre.reconciler", Reconciler(database, engines).step, ("centre_runs",), rest_s=1.0, gather_s=0.1),
        Loop("centre.inventory", Inventory(database, engines).step, ("centre_nodes",), rest_s=15.0),
        Loop("centre.comparer", Comparer(database, engines).step, rest_s=60.0),
        Loop("centre.maintenance", MaintenanceKeeper(database, engines, centre=settings.centre).step, ("centre_maintenance",), rest_s=5.0),
        Loop("centre.tally", Tally(database).step, ("centre_usage",), rest_s=60.0, gather_s=2.0),
        Loop("centre.teller", Teller(database, engines).step, ("centre_run_events",), rest_s=5.0, gather_s=1.0),
        Loop("centre.meter", Meter(database, engines).step, ("centre_run_events",), rest_s=5.0, gather_s=0.25),
        *(Loop(watcher.name, watcher.step, rest_s=1.0, gather_s=0.1) for watcher in make_watchers(database, engines)),
        Loop("compute.tracker", Tracker(database).step, ("centre_run_events",), rest_s=5.0, gather_s=0.2),
        Loop("compute.preparer", Preparer(database, limits, blobs).step, ("compute_jobs",), rest_s=2.0, gather_s=0.1),
        Loop("compute.collector", JobCollector(database, limits, engines, blobs).step, ("compute_jobs_left",), rest_s=5.0, gather_s=0.2),
        Loop("compute.builder", Builder(database, settings.environments, settings.find_links).step, ("compute_environments",), rest_s=10.0),
        Loop("compute.settler", Settler(database).step, ("centre_usage", "compute_billing"), rest_s=5.0, gather_s=0.25),
        Loop("compute.direct", Direct(database).step, ("centre_foreign",), rest_s=60.0),
        Loop("compute.ladder", Ladder(database, grace=grace).step, ("compute_billing",), rest_s=5.0, gather_s=1.0),
        Loop("compute.keeper", Keeper(database).step, rest_s=60.0),
        Loop("compute.reader", Reader(database).step, rest_s=60.0),
        Loop("ledger.expiry", lambda: _expire_credits(database), rest_s=60.0),
        Loop("hub.collector", HubCollector(database, blobs, uploads, trees=(limits.trees, limits.tree_copies)).step, rest_s=60.0),
        Loop("desk.notifier", Notifier(database).step, CHANNELS, rest_s=15.0, gather_s=1.0),
        Loop("desk.mailer", Mailer(database, outbox).step, ("desk_notices",), rest_s=15.0),
        Loop("desk.courier", courier.step, (DELIVERIES,), rest_s=5.0),
        Loop("kit.postman", Postman(database, make_sender(settings), outbox).step, ("kit_mail",), rest_s=30.0),
        Loop("identity.writer", Writer(database, outbox).step, ("identity_letters",), rest_s=30.0),
        Loop("identity.sweep", lambda: _sweep(database), rest_s=60.0),
        Loop("hub.storage_meter", StorageMeter(database).step, rest_s=60.0),
        *_cluster_loops(settings, database, engines),
    ]


def _cluster_loops(settings: Settings, database: Database, engines: Engines) -> list[Loop]:
    if not settings.slurm:
        return []
    from wutong.app.clusters import cluster_loops

    return cluster_loops(settings, database, engines)


def seed(settings: Settings, database: Database) -> None:
    """Put in what a centre begins with: the local pool, its flavours and prices, the shipped environments. What is there stays."""
    slots, cpus, memory_mb = local_size(settings)
    with database.session() as session:
        seed_local(session, slots=slots, cpus=cpus, memory_mb=memory_mb)
        if (found := cards.find(settings.accelerator)).numbers:
            seed_cards(session, kind=found.kind, cards=len(found.numbers), cpus=cpus, memory_mb=memory_mb)
        seed_prices(session)
        seed_environments(session)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Open the database for one command; an embedded server that did not run is started and stopped again."""
    server = None if settings.database_url else EmbeddedPostgres(settings.home / "postgres")
    ran_before = server is not None and server.is_alive()
    database = Database(server.start() if server else _database_url(settings), pool_size=2)
    try:
        yield database
    finally:
        database.close()
        if server is not None and not ran_before:
            server.stop()


def _sweep(database: Database) -> bool:
    with database.session() as session:
        return identity.sweep(session)


def _expire_credits(database: Database) -> bool:
    with database.session() as session:
        return expire_credits(session) > 0


def _database_url(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return EmbeddedPostgres(settings.home / "postgres").url
