"""Starts a command once for each rank of a node and reports how each ended. Runs inside the sandbox from its text alone; fit for Python 3.9.

One sandbox holds all ranks of a node, so that they can meet in shared memory and over loopback. WUTONG_FAN says in its first line where to report,
and in each further line the descriptor of a rank's output and its variables.
"""

import os
import signal
import sys

_SPARED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2")
_AS_NEW = (*_SPARED, "SIGPIPE", "SIGXFSZ")


def main() -> int:
    """Start the ranks, wait for the last, and tell by the exit code whether one failed."""
    report, *ranks = os.environ.pop("WUTONG_FAN").splitlines()
    for name in _SPARED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    running = {}
    for local, line in enumerate(ranks):
        pid = os.fork()
        if pid == 0:
            _become(*line.split(" "))
        running[pid] = local
    failed = False
    for line in ranks[1:]:
        os.close(int(line.split(" ")[0]))
    while running:
        pid, status = os.wait()
        if pid in running:
            failed = failed or status != 0
            os.write(int(report), f"{running.pop(pid)} {status}\n".encode())
    return int(failed)


def _become(output: str, *variables: str) -> None:
    try:
        os.setsid()
        os.dup2(int(output), 1)
        os.dup2(int(output), 2)
        os.closerange(3, 4096)
        for number in _AS_NEW:
            signal.signal(getattr(signal, number), signal.SIG_DFL)
        for variable in variables:
            name, _, value = variable.partition("=")
            os.environ[name] = value
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the tenant's command is what this is for
    except OSError as error:
        os.write(2, f"exec: {sys.argv[1]}: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main())
