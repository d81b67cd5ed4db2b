"""A whole centre of one's own in a folder, for tests, benchmarks and demonstrations: real processes, real database, real engine.

It talks to the centre as its users do, over HTTP, and knows how to kill each of its processes as the world sometimes does.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from wutong.identity.credit_code import check_character

OPERATOR_EMAIL, OPERATOR_PASSWORD = "operator@centre.example", "a-trial-password"


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's owner, signed in."""

    tenant_id: str
    person_id: str
    token: str


class TrialCentre:
    """A centre in `home`. `settings` become WUTONG_ variables; what it says goes to `home/serve.log`."""

    def __init__(self, home: Path, **settings: object) -> None:
        self.home = home
        values = {"home": home, "port": 0, "log_level": "warning", **settings}
        self.environment = {**os.environ, **{f"WUTONG_{name.upper()}": str(value) for name, value in values.items()}}
        self.environment.pop("WUTONG_DATABASE_URL", None)
        self._serve: subprocess.Popen[bytes] | None = None
        self._operator: str | None = None

    def start(self, *, patience_s: float = 120) -> "TrialCentre":
        """Start `serve` and wait until the centre says that it is healthy."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o755)
        with (self.home / "serve.log").open("ab") as log:
            argv = [sys.executable, "-m", "wutong.app", "serve"]
            self._serve = subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + patience_s
        while not self.is_healthy():
            if time.monotonic() > deadline or self._serve.poll() is not None:
                raise RuntimeError(f"the centre did not come up:\n{(self.home / 'serve.log').read_text()[-4000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Stop everything: jobs, agent and database too."""
        subprocess.run([sys.executable, "-m", "wutong.app", "stop", "--jobs"], env=self.environment, check=False, timeout=120)
        if self._serve is not None:
            self._serve.wait(30)

    def is_healthy(self) -> bool:
        """Tell whether /health says that all is well."""
        with contextlib.suppress(OSError, ValueError, httpx2.HTTPError):
            return httpx2.get(f"{self.url}/health", timeout=2, verify=False).status_code == 200
        return False

    @property
    def url(self) -> str:
        """Where the API listens now."""
        endpoint = json.loads((self.home / "run" / "endpoint.json").read_text())
        return str(endpoint["url"])

    def pids(self) -> dict[str, int]:
        """Return the pids of the centre's processes by name: api-0, worker, agent, postgres, supervisor."""
        files = {path.stem: path for path in (self.home / "run").glob("*.pid")}
        files["postgres"] = self.home / "postgres" / "data" / "postmaster.pid"
        found = {}
        for name, path in files.items():
            with contextlib.suppress(OSError, ValueError, IndexError):  # written this moment, or gone
                found[name] = int(path.read_text().split()[0])
        return found

    def kill(self, name: str) -> bool:
        """Kill one process with SIGKILL; False when it was not there to be killed."""
        try:
            os.kill(self.pids()[name], signal.SIGKILL)
        except (KeyError, ValueError, OSError):
            return False
        return True

    def operator(self) -> str:
        """Return a session of the centre's operator, who is made on the first call and may do all a centre role allows."""
        if self._operator is None:
            argv = [sys.executable, "-m", "wutong.app", "create-operator", "--email", OPERATOR_EMAIL, "--name", "Operator", "--password-stdin"]
            subprocess.run(argv, env=self.environment, input=OPERATOR_PASSWORD.encode(), check=True, capture_output=True)
            answer = self.call("POST", "/sessions", body={"email": OPERATOR_EMAIL, "password": OPERATOR_PASSWORD})
            self._operator = str(answer["secret"])
        return self._operator

    def tenant(self, name: str, *, top_up_fen: int = 0) -> Account:
        """Register a tenant with one owner, and record a top-up for it."""
        email = f"owner-{secrets.token_hex(6)}@tenant.example"
        body = {
            "name": name,
            "credit_code": new_credit_code(),
            "kind": "enterprise",
            "person_name": "Owner",
            "email": email,
            "password": OPERATOR_PASSWORD,
        }
        made = self.call("POST", "/tenants", body=body)
        session = self.call("POST", "/sessions", body={"email": email, "password": OPERATOR_PASSWORD})
        account = Account(made["tenant"]["id"], made["person_id"], session["secret"])
        if top_up_fen:
            top_up = {"tenant_id": account.tenant_id, "amount_fen": top_up_fen, "reference": f"trial-{secrets.token_hex(8)}"}
            self.call("POST", "/admin/topups", token=self.operator(), body=top_up)
        return account

    def call(
        self, method: str, path: str, *, token: str | None = None, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 30
    ) -> Any:
        """Send one request below /api/v1 and return the JSON of its answer; raises `httpx2.HTTPStatusError` for an error."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        # Nothing here is encrypted, and to read the machine's certificates for each request would take more than the request.
        answer = httpx2.request(method, f"{self.url}/api/v1{path}", json=body, headers=sent, timeout=timeout, verify=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def await_settled(self, job_id: str, *, token: str, patience_s: float = 60) -> Any:
        """Wait until a job has ended and every fen of it is charged; returns the job."""
        deadline = time.monotonic() + patience_s
        while not (job := self.call("GET", f"/jobs/{job_id}", token=token))["settled"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is {job['state']} and was not settled within {patience_s} seconds")
            time.sleep(0.1)
        return job

    def listed(self, path: str, *, token: str) -> Iterator[Any]:
        """Walk all pages of a list."""
        after = ""
        while True:
            page = self.call("GET", f"{path}{'&' if '?' in path else '?'}limit=500{after}", token=token)
            yield from page["items"]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"


def new_credit_code() -> str:
    """Make up a unified social credit code with a right check character."""
    body = "91420100" + "".join(secrets.choice("0123456789") for _ in range(9))
    return body + check_character(body)
