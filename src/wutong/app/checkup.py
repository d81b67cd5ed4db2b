"""Looks each Slurm cluster of the settings over for what does not confine tenants or hurts the service: `wutong doctor` about clusters."""

import pwd
from collections.abc import Iterable, Iterator
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from wutong.app.clusters import identities_of, list_tenants
from wutong.app.health import Check
from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm import commands
from wutong.centre.engines.slurm.checkup.examine import Witness, examine
from wutong.centre.engines.slurm.checkup.rules import Finding, Level
from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.folders import folders_of
from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.centre.engines.slurm.transport import Transport
from wutong.kit.database import Database
from wutong.kit.settings import Settings, SlurmCluster

COMMAND_S = 15.0
PATIENCE_S = 10.0
LABELS = {Level.HOLDS: "ok", Level.WARNING: "warn", Level.OPEN: "BAD", Level.UNKNOWN: "?"}


def check_clusters(settings: Settings, database: Database) -> list[Check]:
    """Examine every cluster, the worst findings of each first. Runs one small job as a tenant on each node; makes no users and changes nothing."""
    tenants = _tenants(database) if settings.slurm else []
    return [check for cluster in settings.slurm for check in check_cluster(settings, cluster, tenants)]


def check_cluster(settings: Settings, cluster: SlurmCluster, tenants: Iterable[str]) -> list[Check]:
    """Examine one cluster; without a tenant that has its user nothing is known of the nodes themselves."""
    identities, transport = identities_of(settings, cluster), Transport(cluster.conf, limit_s=COMMAND_S)
    if (away := _why_away(cluster, transport)) is not None:
        return [Check(f"cluster {cluster.name}", ok=False, detail=away, label=LABELS[Level.UNKNOWN])]
    witness = next(_witnesses(settings, cluster, tenants), None)
    found = [told(cluster.name, each) for each in examine(transport, root=cluster.root, is_tenants_user=identities.is_ours, witness=witness)]
    if witness is None:
        why = "no tenant has a UNIX user yet, so no job could look at the nodes. Register one, wait for its accounts, and ask again."
        found.append(Check(f"cluster {cluster.name}", ok=True, detail=why, label=LABELS[Level.UNKNOWN]))
    return found


def told(cluster: str, finding: Finding) -> Check:
    """Say a finding as a check: a warning harms nobody's privacy and is no failure, what could not be looked at is one."""
    well = finding.level in {Level.HOLDS, Level.WARNING}
    return Check(f"cluster {cluster}", ok=well, detail=str(finding), label=LABELS[finding.level])


def _why_away(cluster: SlurmCluster, transport: Transport) -> str | None:
    if not cluster.conf.is_file():
        return f"{cluster.conf} is not there, so nothing could be looked at"
    said = transport.ask(commands.settings(), limit_s=PATIENCE_S)
    if isinstance(said, Unknown) or said.code:
        return f"its controller does not answer, so nothing could be looked at: {said.why}"
    return None


def _tenants(database: Database) -> list[str]:
    with suppress(SQLAlchemyError), database.session() as session:
        return [tenant.id for tenant in list_tenants(session)]
    return []


def _witnesses(settings: Settings, cluster: SlurmCluster, tenants: Iterable[str]) -> Iterator[Witness]:
    """Yield as whom the small jobs could run: tenants whose user and folder are there already."""
    for tenant in tenants:
        with suppress(KeyError, OSError):
            user = pwd.getpwnam(identities_of(settings, cluster).user_name(tenant))
            home = folders_of(cluster.root, tenant).home
            if home.is_dir():
                account = names.tenant_account(settings.centre, tenant) if cluster.accounts else None
                yield Witness(Identity(user.pw_name, user.pw_uid, user.pw_gid), account, home, python=cluster.python)
