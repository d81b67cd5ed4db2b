"""What the tests of the doors share: one whole centre for all of a test process, and people at their keyboards before it."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

from wutong.app.trial import OPERATOR_EMAIL, OPERATOR_PASSWORD, Account, TrialCentre
from wutong.cli import main, show
from wutong.sdk import jobs
from wutong.sdk.client import Client
from wutong.sdk.jobs import Job, JobRequest

show.out.width = show.err.width = 200

COMMAND = Path(sys.executable).with_name("wutong")
FEN_PER_CARD_SECOND = 100


@dataclass
class _Shared:
    centre: TrialCentre | None = None
    users: int = 0


_shared = _Shared()


@contextmanager
def shared_centre() -> Iterator[TrialCentre]:
    """The one centre of this test process: the first who asks starts it, the last who leaves stops it.

    A card-second costs a yuan, so that jobs of a second have a price.
    """
    if _shared.centre is None:
        home = Path(tempfile.mkdtemp(prefix="wutong-doors-"))
        home.chmod(0o755)
        _shared.centre = TrialCentre(home, slots=4, allow_unconfined_tenants=True).start()
        for flavour in ("cpu.1", "cpu.2", "cpu.4"):
            body = {"flavour": flavour, "fen_per_card_hour": FEN_PER_CARD_SECOND * 3600}
            _shared.centre.call("POST", "/admin/prices", token=_shared.centre.operator(), body=body)
    _shared.users += 1
    try:
        yield _shared.centre
    finally:
        _shared.users -= 1
        if not _shared.users:
            _shared.centre.stop()
            if not os.environ.get("WUTONG_KEEP"):
                subprocess.run(["rm", "-rf", _shared.centre.home], check=False)
            _shared.centre = None


@dataclass(frozen=True)
class Said:
    """What a command said."""

    out: str
    err: str
    status: int

    @property
    def json(self) -> Any:
        """What it said, as JSON."""
        return json.loads(self.out)


@dataclass
class Person:
    """Somebody at a keyboard, in a folder with a configuration of their own."""

    centre: TrialCentre
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The environment of their shell."""
        mine = {
            "WUTONG_URL": self.centre.url,
            "WUTONG_CLI_CONFIG": str(self.folder / "cli.json"),
            "WUTONG_PASSWORD": OPERATOR_PASSWORD,
            "COLUMNS": "200",
        }
        return {**os.environ, **mine, **self.extra}

    def wutong(self, *words: str, status: int = 0, typed: str = "") -> Said:
        """Run `wutong ...`; the status must be the expected one, and no error may show a traceback."""
        argv = [COMMAND, *words]
        done = subprocess.run(argv, env=self.environment(), cwd=self.folder, input=typed, capture_output=True, text=True, check=False, timeout=110)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.stdout, done.stderr, done.returncode)

    def quick(self, *words: str, status: int = 0, typed: str = "") -> Said:
        """The same within this process, which saves the start of an interpreter."""
        out, err = TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8")
        with (
            patch.dict(os.environ, self.environment(), clear=True),
            patch.multiple(sys, argv=["wutong", *words], stdin=TextIOWrapper(BytesIO(typed.encode()), "utf-8")),
            redirect_stdout(out),
            redirect_stderr(err),
            chdir(self.folder),
        ):
            ended = _ended(main.run)
        said = [bytes(stream.buffer.getbuffer()).decode() for stream in (out, err) if not stream.flush()]  # type: ignore[attr-defined]
        assert ended == status, (words, ended, *said)
        return Said(said[0], said[1], ended)

    def ask(self, *words: str) -> Any:
        """Run a command with --json and return what it says."""
        return self.quick(*words, "--json").json


def _ended(program: Callable[[], None]) -> int:
    try:
        program()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def operator(centre: TrialCentre, folder: Path) -> Person:
    """The centre's operator, signed in."""
    centre.operator()
    folder.mkdir(exist_ok=True)
    person = Person(centre, folder)
    person.quick("login", "--email", OPERATOR_EMAIL)
    return person


@dataclass
class Tenant:
    """A tenant's owner, with a client of the SDK."""

    centre: TrialCentre
    account: Account
    client: Client

    def submit(self, command: str, *, name: str = "job", key: str | None = None, **fields: Any) -> Job:
        """Submit a job that costs at most a minute."""
        request = JobRequest(**{"name": name, "command": command, "time_limit_s": 60, **fields})
        return jobs.submit(self.client, request, key=key or secrets.token_hex(8))

    def ended(self, job: Job, *, patience_s: float = 60) -> Job:
        """Wait until a job has ended."""
        deadline = time.monotonic() + patience_s
        while (seen := jobs.get(self.client, job.id)).state not in jobs.ENDED:
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        return seen

    def running(self, job: Job, *, patience_s: float = 60) -> Job:
        """Wait until a job runs."""
        deadline = time.monotonic() + patience_s
        while (seen := jobs.get(self.client, job.id)).state is not jobs.JobState.RUNNING:
            assert seen.state not in jobs.ENDED, seen
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        return seen

    def log(self, job: Job, *, attempt: int | None = None) -> bytes:
        """The whole log as it is now."""
        return b"".join(jobs.read_log(self.client, job.id, attempt=attempt))


@contextmanager
def open_tenant(centre: TrialCentre, name: str = "Tenant", *, fen: int = 1_000_000) -> Iterator[Tenant]:
    """Register a tenant with money."""
    account = centre.tenant(name, top_up_fen=fen)
    with Client(centre.url, account.token) as client:
        yield Tenant(centre, account, client)
