"""A small centre for tests of jobs: fake engine, real database, reconciler, meter and settler, our own loops, and a clock that is moved."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wutong.centre import service as centre
from wutong.centre.engines.fake import FakeEngine
from wutong.centre.engines.protocol import Phase
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import Accelerator, Device, Flavour, Node, NodeState, Pool, PoolState
from wutong.compute.billing.settler import Settler
from wutong.compute.catalogue import service as catalogue
from wutong.compute.environments import service as environments
from wutong.compute.environments import store as environment_store
from wutong.compute.environments.rules import EnvironmentState
from wutong.compute.jobs import service
from wutong.compute.jobs.collector import Collector
from wutong.compute.jobs.preparer import Preparer
from wutong.compute.jobs.rules import Job, JobEvent, JobLimits, JobRequest
from wutong.compute.jobs.tracker import Tracker
from wutong.hub import service as hub
from wutong.hub.rules import File, RepoKind
from wutong.identity import service as identity
from wutong.identity.credit_code import check_character
from wutong.identity.rules import Principal, Role, system_principal
from wutong.kit import clock, loops, seal
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database
from wutong.ledger import service as ledger

KINDS = Accelerator("ascend910b", "Huawei", 320.0, 64, Device.NPU)


class OutputEngine(FakeEngine):
    """The fake engine with a folder of outputs for each run."""

    outputs: Path

    def _sighting(self, run: Any) -> Any:
        seen = super()._sighting(run)
        return replace(seen, outputs_path=str(self.outputs / run.spec.name)) if seen.phase is not Phase.QUEUED else seen


@dataclass
class World:
    """Everything between a tenant and a (fake) machine."""

    database: Database
    clock: FakeClock
    home: Path
    slots: int = 8
    people: dict[str, Principal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = OutputEngine(slots=self.slots)
        self.engine.outputs = self.home / "outputs"
        self.engines = centre.Engines([self.engine])
        self.limits = JobLimits("wt", self.home, self.home / "secret.key", self.home / "environments")
        seal.ensure_key(self.limits.key_file)
        self.blobs = hub.LocalBlobs(self.home / "blobs")
        self.reconciler = Reconciler(self.database, self.engines)
        self.meter = Meter(self.database, self.engines)
        self.tracker = Tracker(self.database)
        self.preparer = Preparer(self.database, self.limits, self.blobs, threads=0)
        self.collector = Collector(self.database, self.limits, self.engines, self.blobs)
        self.settler = Settler(self.database)
        self._furnish()

    def _furnish(self) -> None:
        pool = Pool("npu", self.engine.name, KINDS.name, "Fake nodes", PoolState.OPEN, 30 * 86_400)
        nodes = [Node("npu", "n1", self.slots, 64, 1024 * 1024, NodeState.UP)]
        flavours = [Flavour(f"npu.{n}", "npu", self.engine.name, KINDS.name, n, n, 1024 * n, "", enabled=True) for n in (1, 2, 8) if n <= self.slots]
        with self.database.session() as session:
            centre.add_pool(session, KINDS, pool, nodes, flavours)
            catalogue.seed_prices(session, 3600)
            environments.seed_environments(session)
        self.ready("python-3.11")
        self.run_loops()

    def ready(self, name: str) -> None:
        """Pretend that an environment was built."""
        path = self.home / "environments" / name
        path.mkdir(parents=True, exist_ok=True)
        with self.database.session() as session:
            found = environment_store.find(session, "", name)
            assert found is not None
            environment_store.move(session, found, {"state": EnvironmentState.READY, "path": str(path)})

    def tenant(self, name: str, *, yuan: int = 1000) -> Principal:
        """Register an organisation with money; returns its owner."""
        first = f"91420100{len(self.people):09d}"
        with self.database.session() as session:
            tenant, person = identity.register_tenant(
                session,
                name=name,
                credit_code=first + check_character(first),
                kind="enterprise",
                person_name=f"{name} owner",
                email=f"{name}@example.cn",
                password_hash="x",
            )
            if yuan:
                ledger.top_up(session, tenant_id=tenant.id, amount_fen=yuan * 100, key=f"top-up:{name}", reference=name)
        self.people[name] = Principal(person.id, person.name, tenant.id, Role.OWNER)
        return self.people[name]

    def colleague(self, who: Principal, role: Role) -> Principal:
        """Somebody else in the same organisation."""
        return replace(who, person_id=f"per_{role}", name=str(role), role=role)

    def submit(self, who: Principal, *, key: str | None = None, **more: Any) -> Job:
        """Submit a job."""
        request = JobRequest(**{"name": "train", "command": "true", "flavour": "npu.1", **more})
        with self.database.session() as session:
            return service.submit_job(session, who, request, limits=self.limits, idempotency_key=key)

    def job(self, job: Job) -> Job:
        """Look at a job again."""
        with self.database.session() as session:
            return service.get_job(session, system_principal("test", job.tenant_id), job.id)

    def children(self, job: Job) -> list[Job]:
        """Return the jobs of an array, by index."""
        with self.database.session() as session:
            filters = service.JobFilters(parent_id=job.id)
            found = service.list_jobs(session, system_principal("test", job.tenant_id), filters).items
        return sorted(found, key=lambda child: child.array_index or 0)

    def cancel(self, who: Principal, job: Job) -> Job:
        """Cancel a job."""
        with self.database.session() as session:
            return service.cancel_job(session, who, job.id)

    def history(self, job: Job) -> list[JobEvent]:
        """Return what happened to a job."""
        with self.database.session() as session:
            return service.job_events(session, system_principal("test", job.tenant_id), job.id)

    def data(self, who: Principal, name: str, files: dict[str, bytes], kind: RepoKind = RepoKind.DATASET) -> str:
        """Put a version into the hub."""
        with self.blobs.intake() as intake:
            kept = {path: intake.add([content]) for path, content in files.items()}
        listed = [File(path, blob.size_bytes, blob.sha256) for path, blob in kept.items()]
        with self.database.session() as session:
            assert who.tenant_id is not None
            hub.record_blobs(session, who.tenant_id, listed, blobs=self.blobs)
            repo = hub.ensure_repo(session, who, kind, name)
            return hub.commit_version(session, who, repo.id, listed).id

    def balance(self, who: Principal) -> Any:
        """Return the organisation's balance."""
        assert who.tenant_id is not None
        with self.database.session() as session:
            return ledger.balance(session, who.tenant_id)

    def run_loops(self) -> None:
        """Let every loop work until none has anything to do."""
        steps = (self.preparer.step, self.reconciler.step, self.tracker.step, self.meter.step, self.collector.step, self.settler.step)
        for _ in range(40):
            if sum(loops.drain(step) for step in steps) == 0:
                return

    def advance(self, seconds: float) -> None:
        """Let time pass, then let the loops work."""
        self.engine.advance(seconds)
        self.clock.advance(seconds)
        before = len(self.engine.submissions)
        self.run_loops()
        if len(self.engine.submissions) != before:
            self.engine.advance(0)
            self.run_loops()

    def outputs(self, run_name: str, files: dict[str, bytes]) -> None:
        """Leave files as the outputs of a run."""
        for path, content in files.items():
            place = self.engine.outputs / run_name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def run_of(job: Job, attempt: int = 1) -> str:
    """Return the run name of an attempt."""
    return f"wt-{job.id}-{attempt}"


def moment() -> Any:
    """Return the present moment of the clock in use."""
    return clock.now()
