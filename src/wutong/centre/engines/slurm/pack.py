"""Packs the runner's modules into one file, for `runner/bundle.py`: `python pack.py FOLDER PLACE`.

It is run by the nodes' own Python, whose byte code it is. `FOLDER` holds the modules, `PLACE` is where they will lie, as tracebacks name them.
Stands alone, and fits Python 3.9.
"""

import marshal
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

_LOADER = "wutong.centre.engines.slurm.runner.bundle"


def pack(folder: Path, place: Path) -> bytes:
    """Return the loader's byte code, and of each module by name its path and byte code."""
    modules = {}
    for path in sorted(folder.glob("wutong/**/*.py")):
        part = path.relative_to(folder)
        parts = part.parent.parts if part.stem == "__init__" else part.with_suffix("").parts
        modules[".".join(parts)] = (str(part), marshal.dumps(_compiled(path, place / part)))
    return marshal.dumps((modules[_LOADER][1], modules))


def _compiled(path: Path, place: Path) -> CodeType:
    return compile(path.read_bytes(), str(place), "exec", dont_inherit=True, optimize=2)


if __name__ == "__main__":
    Path(sys.argv[1], f"modules-{MAGIC_NUMBER.hex()}").write_bytes(pack(Path(sys.argv[1]), Path(sys.argv[2])))
