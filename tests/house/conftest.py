"""The source as the checks of the house see it."""

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "wutong"


@dataclass(frozen=True)
class Module:
    """One module of the product."""

    path: Path
    tree: ast.Module
    text: str

    @property
    def name(self) -> str:
        """Path below the package, as in `compute/jobs/store.py`."""
        return str(self.path.relative_to(PACKAGE))

    @property
    def room(self) -> str:
        """First folder below the package."""
        parts = self.path.relative_to(PACKAGE).parts
        return parts[0] if len(parts) > 1 else ""


@functools.cache
def all_modules() -> tuple[Module, ...]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return tuple(Module(path, ast.parse(path.read_text()), path.read_text()) for path in paths)


@pytest.fixture(scope="session")
def modules() -> tuple[Module, ...]:
    """Every module but migrations, whose form is their own."""
    return tuple(module for module in all_modules() if "migrations" not in module.path.parts)


@pytest.fixture(scope="session")
def tracked() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
