"""Makes `.venv` and installs everything that the lock names into it, by hash; `make setup` runs it. Standard library only.

uv does the work, because it is ten times as quick; it is itself installed from the lock, by pip. uv does not read pip's configuration, so
what pip knows of mirrors and certificates is handed on; where uv fails nevertheless, pip installs.
"""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements-dev.lock"
# What stands in for S3 in a few tests is most of all code here, and hardly any of it is ever used.
LEFT_TO_ITS_TESTS = r"/(cfnlint|moto|networkx|sympy)/"
HANDED_ON = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS", "cert": "SSL_CERT_FILE"}


def main() -> int:
    """Install, and leave a stamp that tells `make` so."""
    if sys.version_info < (3, 11):  # noqa: UP036 whoever runs this may not have read what we need
        print(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    python = VENV / "bin" / "python"
    if not python.exists():
        print("Making .venv ...", flush=True)
        venv.create(VENV, with_pip=True)
    print("Installing what requirements-dev.lock names ...", flush=True)
    if not install_with_uv(python):
        print("uv could not; pip installs, which takes longer ...", flush=True)
        run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", LOCK)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ROOT)
    compile_bytecode(python)
    (VENV / ".installed").touch()
    return 0


def install_with_uv(python: Path) -> bool:
    """Install uv from the lock, then the lock with uv; False when that does not work here."""
    own = VENV / "uv.lock"
    own.write_text(block_of("uv"))
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", own)
    # Every file is checked by its hash, so it does not matter which of several mirrors it comes from.
    options = ("--quiet", "--require-hashes", "--index-strategy", "unsafe-best-match")
    argv = [VENV / "bin" / "uv", "pip", "install", "--python", python, *options, "-r", LOCK]
    return subprocess.run(argv, env={**os.environ, **handed_on(python)}, check=False).returncode == 0


def compile_bytecode(python: Path) -> None:
    """Compile every module once: where PYTHONDONTWRITEBYTECODE is set, each process would otherwise compile them all again at each start.

    Packages ship a few files that are no Python of this version, so what cannot be compiled is passed over.
    """
    folders = (VENV / "lib", ROOT / "src")
    subprocess.run([python, "-m", "compileall", "-qq", "-j", "0", "-x", LEFT_TO_ITS_TESTS, *folders], check=False)


def block_of(name: str) -> str:
    """Return the lines of one package from the lock."""
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"{LOCK.name} does not name {name}.")
    return found[0]


def handed_on(python: Path) -> dict[str, str]:
    """Translate pip's configuration, its environment included, into uv's."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for scope, option, value in re.findall(r"^([\w:]+)\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
        name = HANDED_ON.get(option)
        if scope in {"global", "install", ":env:"} and name is not None and name not in os.environ:
            found[name] = " ".join(value.replace("\\n", " ").split())
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    return found


def run(*argv: object) -> None:
    """Run a command that must succeed."""
    done = subprocess.run([str(each) for each in argv], check=False)
    if done.returncode != 0:
        raise SystemExit(f"Installing failed (exit status {done.returncode}); the reason is above.")


if __name__ == "__main__":
    sys.exit(main())
