"""Puts the runner's code where nodes find it: a few files of this package, in a folder named for what is in them, so versions live side by side."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import wutong
from wutong.centre.engines.local import seccomp
from wutong.centre.engines.slurm import commands, plans

_LOCAL = ("__init__", "fan", "limits", "logs", "moments", "processes", "spawn", "trees", "verdict", "watch")
_RUNNER = ("__init__", "bundle", "devices", "facts", "group", "launcher", "main", "member", "nodes", "plan", "start")
_PACKAGES = ("", "centre/", "centre/engines/", "centre/engines/slurm/")
_FOLDER = ".runner"
_PACK = Path(__file__).with_name("pack.py")


def ship(root: Path, *, python: str, machine: str) -> Path:
    """Return the folder with the batch script (`batch`) and the code, made where it is not there yet. Raises OSError."""
    texts = _texts(machine)
    digest = hashlib.sha256(commands.script(python, "").encode() + _PACK.read_bytes())
    for name, text in sorted(texts.items()):
        digest.update(f"\0{name}\0".encode() + text)
    target = root / _FOLDER / digest.hexdigest()[:16]
    if not target.exists():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        _fill(draft, texts, python, target)
        (draft / "batch").write_text(commands.script(python, str(target)))
        _open_to_all(draft)
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.exists():
                raise
    return target


def _texts(machine: str) -> dict[str, bytes]:
    package = Path(wutong.__file__).parent
    names = [f"{part}__init__.py" for part in _PACKAGES]
    names += ["centre/engines/devices.py", "centre/engines/ranks.py", *(f"centre/engines/local/{name}.py" for name in _LOCAL)]
    names += [f"centre/engines/slurm/runner/{name}.py" for name in _RUNNER]
    found = {f"wutong/{name}": (package / name).read_bytes() for name in names}
    return found | {plans.filter_name(machine): seccomp.program(machine)}


def _fill(draft: Path, texts: dict[str, bytes], python: str, target: Path) -> None:
    for name, text in texts.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(text)
    # Compiled for the nodes' Python where this host has the same; else each job compiles, which takes 20 ms. All in one file for what every job
    # loads, one by one for what keepers on further nodes do.
    compile_all = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(draft / "wutong")]
    for arguments in ([str(_PACK), str(draft), str(target)], compile_all):
        try:
            subprocess.run([python, "-ISE", *arguments], check=False, capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return


def _open_to_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
