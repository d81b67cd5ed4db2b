"""Builds the engines of Slurm clusters from the settings, and the loop that keeps the tenants' accounts on each."""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm.config import Placement, SlurmConfig
from wutong.centre.engines.slurm.engine import SlurmEngine
from wutong.centre.engines.slurm.one_user import OneUser
from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.identities import ExistingIdentities, Identities, PasswdIdentities
from wutong.centre.engines.slurm.tenants.rules import TenantWish
from wutong.centre.engines.slurm.tenants.steward import Steward, over
from wutong.centre.engines.slurm.transport import Transport
from wutong.centre.foreign.registrar import Registrar, TenantOf
from wutong.centre.registry import Engines
from wutong.identity import service as identity
from wutong.identity.rules import Tenant, TenantState, system_principal
from wutong.kit.database import Database
from wutong.kit.errors import NotFound, Problem
from wutong.kit.log import get_logger
from wutong.kit.loops import Loop
from wutong.kit.paging import MAX_LIMIT, PageRequest
from wutong.kit.settings import Settings, SlurmCluster

log = get_logger(__name__)

STEWARD_REST_S = 5.0
COMMAND_S = 30.0


def build_cluster(settings: Settings, cluster: SlurmCluster) -> SlurmEngine:
    """Return the engine of one cluster. Nothing is asked of it yet."""
    config = SlurmConfig(
        name=cluster.name,
        slurm_conf=cluster.conf,
        root=cluster.root,
        home=settings.home / "engines" / cluster.name,
        identities=identities_of(settings, cluster),
        partition=cluster.partition,
        place=lambda spec: placement_of(settings, cluster, spec),
        sandbox=cluster.sandbox,
        python=cluster.python,
        key_file=settings.key_file,
    )
    return SlurmEngine(config)


def placement_of(settings: Settings, cluster: SlurmCluster, spec: RunSpec) -> Placement:
    """Say where on a cluster, and on whose account, a run goes. Runs of processors alone ask for no GRES."""
    kind = "" if spec.accelerator in {"", "cpu-core"} else spec.accelerator
    return Placement(
        partition=spec.partition or cluster.partition,
        account=names.tenant_account(settings.centre, spec.tenant) if cluster.accounts else None,
        qos=names.class_qos(settings.centre, spec.service) if cluster.accounts else None,
        gres=f"gpu:{kind}" if kind else "",
        switch_wait_s=cluster.switch_wait_s,
    )


def identities_of(settings: Settings, cluster: SlurmCluster) -> Identities:
    """Return where the cluster's UNIX users come from."""
    if cluster.users == "make":
        return PasswdIdentities(settings.centre)
    return ExistingIdentities(cluster.user_pattern) if cluster.users == "find" else OneUser(cluster.user_pattern)


def cluster_loops(settings: Settings, database: Database, engines: Engines) -> list[Loop]:
    """Return the loop of each cluster that keeps its tenants' accounts, and the one that registers what was used directly."""
    registrar = Registrar(database, engines, tenant_of=tenant_of(settings))
    stewards = [(cluster, _steward(settings, cluster)) for cluster in settings.slurm if cluster.accounts]
    loops = [Loop(f"centre.steward.{cluster.name}", _Tenants(database, steward).step, rest_s=STEWARD_REST_S) for cluster, steward in stewards]
    return [*loops, Loop("centre.registrar", registrar.step, rest_s=60.0)]


def tenant_of(settings: Settings) -> TenantOf:
    """Return what tells whose an account on a cluster is: a tenant's own, or one of its projects'."""
    keeping = {cluster.name for cluster in settings.slurm if cluster.accounts}

    def find(session: Session, engine: str, account: str) -> str | None:
        tenant = account.partition(".")[0].removeprefix(f"{settings.centre}-")
        if engine not in keeping or names.tenant_account(settings.centre, tenant) != account.partition(".")[0]:
            return None
        with suppress(NotFound):
            return identity.get_tenant(session, tenant).id
        return None

    return find


class _Tenants:
    """Brings one cluster's accounts to what the centre's tenants are. What fails is said once and tried again."""

    def __init__(self, database: Database, steward: Steward) -> None:
        self._database = database
        self._steward = steward
        self._said: tuple[str, ...] = ()

    def step(self) -> bool:
        """Compare and change; True when there was something to do and it all went well."""
        with self._database.session() as session:
            wishes = [TenantWish(each.id, each.name, closed=each.state is not TenantState.ACTIVE) for each in list_tenants(session)]
        try:
            outcome = self._steward.step(wishes)
            failures, changed = outcome.failures, outcome.changed
        except Problem as problem:
            failures, changed = (problem.sentence(),), False
        if failures != self._said:
            self._said = failures
            for failure in failures:
                log.warning("the cluster's accounts are not as they should be", cluster=self._steward.cluster, why=failure)
        return changed and not failures


def list_tenants(session: Session) -> Iterator[Tenant]:
    """Go through all tenants of the centre."""
    page = PageRequest(limit=MAX_LIMIT)
    while True:
        found = identity.list_tenants(session, system_principal("steward"), page)
        yield from found.items
        if found.next is None:
            return
        page = PageRequest(limit=MAX_LIMIT, after=found.next)


def _steward(settings: Settings, cluster: SlurmCluster) -> Steward:
    transport = Transport(cluster.conf, limit_s=COMMAND_S)
    return Steward(
        run=over(transport),
        cluster=_cluster_name(cluster),
        centre=settings.centre,
        identities=identities_of(settings, cluster),
        root=cluster.root,
    )


def _cluster_name(cluster: SlurmCluster) -> str:
    """Read the cluster's own name, by which its accounting knows it, from its configuration."""
    for line in cluster.conf.read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "clustername":
            return value.strip()
    return cluster.name
