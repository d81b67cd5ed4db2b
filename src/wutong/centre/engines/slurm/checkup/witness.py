"""What a tenant's job sees of a node: run there by the node's own Python as `python3 -I -c <this text> <json>`, prints one JSON object.

Standard library only, and nothing newer than Python 3.7, so that it can tell of a Python that is too old for the runner. It tries what a hostile
job would try, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Sequence  # noqa: UP035 - older Pythons know no other

_SUSPICIOUS = ("SECRET", "PASSW", "TOKEN", "CREDENTIAL", "_KEY")
# What tells of other tenants whatever PrivateData says (tried with Slurm 22.05): whose accounts were changed how, and who uses how much of a QOS.
_LISTINGS = (("sacctmgr", "-n", "-P", "show", "transactions"), ("scontrol", "show", "assoc_mgr", "flags=qos"))
_SPACES = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net", "--die-with-parent")


def look_around(asked: dict[str, Any]) -> dict[str, Any]:
    """Look around; `asked` names the tenants' folder, this tenant's own, the sandbox's program and files that are secrets."""
    return {
        "uid": os.getuid(),
        "groups": sorted({*os.getgroups(), os.getgid()}),
        "python": ".".join(map(str, sys.version_info[:3])),
        "time": time.time(),
        "strangers": _strangers(),
        "root_listed": _works(lambda: list(Path(asked["root"]).iterdir())),
        "root_written": _works(lambda: _write(asked["root"])),
        "home_written": _works(lambda: _write(asked["home"])),
        "secrets_read": [path for path in asked["secrets"] if _can_read(path)],
        "links_protected": [_text(f"/proc/sys/fs/protected_{what}") for what in ("hardlinks", "symlinks")] == ["1", "1"],
        "mounts": sorted({line.split()[4] for line in _text("/proc/self/mountinfo").splitlines()}),
        "processes": resource.getrlimit(resource.RLIMIT_NPROC)[0],
        "suspicious": sorted(name for name in os.environ if any(word in name for word in _SUSPICIOUS)),
        "bubblewrap": _bubblewrap(asked["bubblewrap"]),
        "privileges": Path("/usr/bin/setpriv").exists(),
        "listings": [" ".join(line) for line in _LISTINGS if _answers(line)],
    }


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _write(folder: str) -> None:
    path = Path(folder) / f".wutong-doctor-{os.getpid()}"
    path.touch(exist_ok=False)
    path.unlink()


def _can_read(path: str) -> bool:
    return os.access(path, os.R_OK)


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _strangers() -> int:
    """Count processes of other users whose command line can be read."""
    count = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                count += process.stat().st_uid != os.getuid() and bool((process / "cmdline").read_bytes())
            except OSError:  # it ended meanwhile, or is hidden
                continue
    return count


def _answers(line: Sequence[str]) -> bool:
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _bubblewrap(program: str) -> str:
    """Say why the sandbox does not work, or nothing."""
    if not program or shutil.which(program) is None:
        return "bubblewrap is not installed"
    line = [program, *_SPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as problem:
        return str(problem)
    return "" if done.returncode == 0 else done.stdout.decode(errors="replace").strip()[:300] or "it failed"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look_around(json.loads(sys.argv[1]))))
