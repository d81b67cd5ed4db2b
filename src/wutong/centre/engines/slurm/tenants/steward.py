"""Keeps tenants on one cluster as the centre wishes them: looks, compares, changes, and looks again. Who wires it calls `step` now and then.

Nothing is remembered between steps, so it does not matter where the last one was cut short.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm.tenants import commands, folders, names, parse
from wutong.centre.engines.slurm.tenants.desired import desired_state
from wutong.centre.engines.slurm.tenants.difference import difference
from wutong.centre.engines.slurm.tenants.identities import Identities, Identity, ensure_all
from wutong.centre.engines.slurm.tenants.policy import Policy, usual_policy
from wutong.centre.engines.slurm.tenants.rules import ROOT, Busy, Noun, Plan, State, TenantWish
from wutong.centre.engines.slurm.transport import Transport
from wutong.kit.errors import Conflict, Problem, Unavailable

_KEPT_SAID = 1000


class CommandFailed(Unavailable):
    """A program of Slurm's did not do what it was asked."""

    code = "slurm_command_failed"
    message = "{program} failed: {said}"


class NoSuchCluster(Problem):
    """The accounting does not know the cluster; `sacctmgr load` would make it up."""

    code = "no_such_cluster"
    status = 404
    message = "Slurm's accounting knows no cluster {cluster}. Check the engine's settings, or add the cluster with `sacctmgr add cluster {cluster}`."


Run = Callable[[Sequence[str]], str]
"""Runs one of Slurm's programs and returns what it printed. Raises CommandFailed."""


def over(transport: Transport, *, limit_s: float = 300) -> Run:
    """Run programs over a cluster's transport. The limit is generous: hundreds of new accounts take Slurm half a minute on a busy host."""

    def run(argv: Sequence[str]) -> str:
        said = transport.ask(argv, limit_s=limit_s)
        if isinstance(said, Unknown):
            raise CommandFailed(program=argv[0], said=said.why)
        if said.code:
            raise CommandFailed(program=argv[0], said=" ".join((said.error + said.out).split())[:_KEPT_SAID])
        return said.out

    return run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did: what it planned, what failed, and the UNIX users of the tenants that have one."""

    plan: Plan
    failures: tuple[str, ...] = ()
    identities: Mapping[str, Identity] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Tell whether there was anything to do."""
        return bool(self.plan.changes)


@dataclass
class Steward:
    """Sees to one centre's tenants on one cluster. `root` is the shared folder for their files, or None where somebody else makes them."""

    run: Run
    cluster: str
    centre: str
    identities: Identities
    policy: Policy = field(default_factory=usual_policy)
    root: Path | None = None
    share: int | None = None

    def __post_init__(self) -> None:
        if names.slug(self.centre) != self.centre or self.centre == "root":
            raise ValueError("A centre's name on a cluster is made of small letters, digits, - and _, and is not 'root'.")

    def look(self) -> State:
        """See what stands on the cluster. Raises CommandFailed, NoSuchCluster."""
        try:
            seen = self._look(commands.look_at_associations(self.cluster))
        except CommandFailed as problem:
            if "unknown field" not in problem.sentence().lower():
                raise
            seen = self._look(commands.look_at_associations(self.cluster, nested=False), commands.look_at_parents(self.cluster))
        if seen.find(Noun.ACCOUNT, ROOT) is None or seen.find(Noun.ASSOCIATION, ROOT, ROOT) is None:
            raise NoSuchCluster(cluster=self.cluster)
        return seen

    def plan(self, wishes: Iterable[TenantWish]) -> Plan:
        """Return what a step would do, and do nothing: a dry run. Raises CommandFailed, NoSuchCluster."""
        wishes = list(wishes)
        if self.identities.makes_users:
            return self._plan(wishes, {wish.tenant: self.identities.user_name(wish.tenant) for wish in wishes}, {})
        found, problems = ensure_all(self.identities, (wish.tenant for wish in wishes))
        return self._plan(wishes, {tenant: identity.user for tenant, identity in found.items()}, problems)

    def step(self, wishes: Iterable[TenantWish]) -> Outcome:
        """Bring the cluster to what is wished, as far as it goes now. Where a call fails the others are still made; the next step tries again.

        Raises CommandFailed or NoSuchCluster when the cluster could not be looked at.
        """
        wishes = list(wishes)
        found, problems = ensure_all(self.identities, (wish.tenant for wish in wishes))
        plan = self._plan(wishes, {tenant: identity.user for tenant, identity in found.items()}, problems)
        failures = [*self._make_folders(wishes, found), *self.apply(plan)]
        return Outcome(plan, tuple(failures), found)

    def apply(self, plan: Plan) -> list[str]:
        """Carry a plan out and return what failed."""
        failures = []
        for call in commands.calls(plan):
            try:
                self._ask(call)
            except CommandFailed as problem:
                failures.append(f"{len(call.changes)} changes, the first {call.changes[0]}: {problem.sentence()}")
        return failures

    def _ask(self, call: commands.Call) -> str:
        if not call.file:
            return self.run(call.argv)
        with tempfile.NamedTemporaryFile("w", prefix="wutong-", suffix=".cfg", encoding="utf-8") as file:
            file.write(call.file)
            file.flush()
            return self.run([file.name if word == commands.FILE else word for word in call.argv])

    def _look(self, *associations: commands.Call) -> State:
        """Ask for everything at once: each call mostly waits for slurmdbd."""
        calls = (commands.look_at_qos(), commands.look_at_accounts(), *associations)
        with ThreadPoolExecutor(len(calls)) as pool:
            qos, accounts, own, *parents = pool.map(self._ask, calls)
        return parse.seen_state(self.cluster, qos=qos, accounts=accounts, associations=own, parents=parents[0] if parents else None)

    def _plan(self, wishes: list[TenantWish], users: Mapping[str, str], problems: Mapping[str, str]) -> Plan:
        wanted = desired_state(cluster=self.cluster, centre=self.centre, policy=self.policy, wishes=wishes, users=users, share=self.share)
        held = {names.tenant_account(self.centre, tenant): why for tenant, why in problems.items()}
        # The queue is asked before the accounting: a job that comes in between is in an account that was seen as used, or that Slurm keeps for it.
        busy = self._busy()
        return difference(wanted, self.look(), centre=self.centre, is_our_user=self.identities.is_ours, busy=busy, held=held)

    def _busy(self) -> Busy | None:
        try:
            return parse.busy(self._ask(commands.look_at_use()))
        except CommandFailed:
            return None

    def _make_folders(self, wishes: list[TenantWish], found: Mapping[str, Identity]) -> Iterator[str]:
        for wish in wishes:
            if self.root is None or wish.tenant not in found:
                continue
            identity = found[wish.tenant]
            try:
                folders.make_tenant_folders(self.root, wish.tenant, identity)
                for each in wish.projects:
                    group = self.identities.find_group(wish.tenant, each.project)
                    folders.make_project_folder(self.root, wish.tenant, each.project, identity, group)
            except (OSError, Conflict) as problem:
                yield f"folders of {wish.tenant}: {problem}"
