"""What both demonstrations share: a centre on this machine, its operator, a tenant, and the real commands, printed as they are typed."""

import argparse
import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wutong.app.trial import OPERATOR_PASSWORD, TrialCentre, new_credit_code

COMMAND = Path(sys.executable).with_name("wutong")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Stage:
    """A running centre and two people at their keyboards: `operator` and `tenant` are folders with a configuration of their own."""

    centre: TrialCentre
    folder: Path

    def say(self, text: str) -> None:
        """Tell what comes next."""
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)

    def run(self, *words: str, who: str = "tenant", quiet: bool = False) -> str:
        """Run `wutong ...` as one of the people, showing the command and what it says; a failure ends the demonstration."""
        print(f"$ wutong {shlex.join(words)}", flush=True)
        return self._run(words, who, capture=quiet)

    def ask(self, *words: str, who: str = "tenant") -> dict:
        """Run a command with --json, unseen, and return what it says."""
        return json.loads(self._run((*words, "--json"), who, capture=True))

    def environment(self, who: str) -> dict[str, str]:
        """Return the environment of one person's shell."""
        mine = {"WUTONG_URL": self.centre.url, "WUTONG_CLI_CONFIG": str(self.folder / f"{who}.json"), "WUTONG_PASSWORD": OPERATOR_PASSWORD}
        return {**os.environ, **mine, "COLUMNS": os.environ.get("COLUMNS", "140")}

    def _run(self, words: tuple[str, ...], who: str, *, capture: bool) -> str:
        out = subprocess.PIPE if capture else None
        done = subprocess.run([COMMAND, *words], env=self.environment(who), stdout=out, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"`wutong {shlex.join(words)}` ended with status {done.returncode}. The centre's log is {self.centre.home}/serve.log.")
        return done.stdout or ""


def options(text: str, *extra: tuple[str, dict]) -> argparse.Namespace:
    """Read the options of a demonstration."""
    parser = argparse.ArgumentParser(description=text)
    for name, about in extra:
        parser.add_argument(name, **about)
    parser.add_argument("--home", type=Path, default=HERE.parent / ".wutong" / "demo", help="folder of the centre")
    parser.add_argument("--keep", action="store_true", help="leave the centre running at the end")
    return parser.parse_args()


@contextmanager
def opened(chosen: argparse.Namespace, *, slots: int, **settings: object) -> Iterator[Stage]:
    """Bring a centre up; stop it at the end unless it is to be kept. `settings` become WUTONG_ variables."""
    home = chosen.home.absolute()
    folder = home / "people"
    folder.mkdir(parents=True, exist_ok=True)
    centre = TrialCentre(home, slots=slots, **settings)
    stage = Stage(centre, folder)
    stage.say(f"A public computing centre comes up on this machine, in {home}")
    print("$ wutong serve &", flush=True)
    centre.start()
    try:
        yield stage
    finally:
        if chosen.keep:
            print(f"\nThe centre still runs at {centre.url}; `WUTONG_HOME={home} wutong stop` ends it.")
        else:
            centre.stop()


def found_tenant(stage: Stage, name: str, *, yuan: str) -> str:
    """Sign a tenant up; finance records its bank transfer. Returns the tenant's id."""
    stage.centre.operator()
    stage.say("A small firm signs up")
    email = f"li.hua.{secrets.token_hex(3)}@example.cn"
    stage.run("register", "--name", name, "--credit-code", new_credit_code(), "--person", "Li Hua", "--email", email)
    tenant = str(stage.ask("whoami")["tenant_id"])
    stage.say("It sends money by bank; the centre's finance records what arrived")
    stage.run("topup")
    stage.run("login", "--email", "operator@centre.example", who="operator")
    reference = f"BANK-{secrets.token_hex(4).upper()}"
    stage.run("admin", "topup", tenant, yuan, "--reference", reference, "--yes", who="operator")
    stage.run("balance")
    return tenant


def settle_up(stage: Stage, job_id: str) -> None:
    """Show the itemised bill, the ledger check, and where everything is."""
    stage.centre.await_settled(job_id, token=json.loads((stage.folder / "tenant.json").read_text())["token"])
    stage.say("What every fen was spent on: the bill, down to the engine's records")
    stage.run("bill", "--windows")
    stage.run("statement")
    stage.run("balance")
    stage.say("The centre checks its books")
    stage.run("admin", "ledger-check", who="operator")
    home = stage.centre.home
    places = [("database", "postgres"), ("blobs of data sets and models", "blobs"), ("engine and running jobs", "agent"), ("logs of jobs", "logs")]
    stage.say("Where everything is")
    for what, where in [*places, ("built environments", "environments"), ("the centre's own log", "serve.log")]:
        print(f"  {what:32s}{home / where}")
