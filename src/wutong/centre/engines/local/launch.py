"""Seeing to it that an agent serves a home: starts one that outlives its starter where there is none."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wutong.centre.engines.local.client import LocalEngine
from wutong.centre.engines.protocol import Unknown

_START_S = 20.0


class AgentDidNotStart(RuntimeError):
    """The agent said nothing in time; its log tells why."""


def ensure_agent(home: Path, options: Sequence[str] = ()) -> LocalEngine:
    """Return the engine of an agent that answers, starting one with these options (such as `["--slots", "8"]`) unless one does already.

    It is started twice removed, in a session of its own, so it neither dies with the caller nor stays behind as its zombie.
    """
    engine = LocalEngine(home)
    if not isinstance(engine.capabilities(), Unknown):
        return engine
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = [sys.executable, "-m", "wutong.centre.engines.local.agent", "--home", str(home), *options]
    starter = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True, stdin=subprocess.DEVNULL)"
    with (home / "agent.log").open("ab") as log:
        subprocess.run([sys.executable, "-S", "-c", starter, *line], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, env=_environment())
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if not isinstance(engine.capabilities(), Unknown):
            return engine
        time.sleep(0.02)
    raise AgentDidNotStart(f"The agent of {home} did not start; see agent.log there.")


def _environment() -> dict[str, str]:
    """Give the agent what it needs to be found and nothing of the caller's secrets."""
    kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TZ")
    return {key: os.environ[key] for key in kept if key in os.environ}
