"""Loads the runner's modules from one file: a start reads that instead of some twenty, each looked for in folders that all nodes share. Light."""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_INIT = "/__init__.py"


class Bundle:
    """Finds and loads modules by name, each given by its path below `code` and its byte code, which is only read when it is wanted."""

    def __init__(self, code: str, modules: dict[str, tuple[str, bytes]]) -> None:
        self._code = code
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return how to load a module, None where it is not one of these."""
        del path, target
        if name not in self._modules:
            return None
        place = f"{self._code}/{self._modules[name][0]}"
        spec = ModuleSpec(name, self, origin=place, is_package=place.endswith(_INIT))  # type: ignore[arg-type]  # it need not derive from one
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(place[: -len(_INIT)])
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave that to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's code."""
        exec(loads(self._modules[module.__name__][1]), module.__dict__)  # noqa: S102, S302 - what a loader does; the file is ours


def install(code: str, modules: dict[str, tuple[str, bytes]]) -> None:
    """Have these modules loaded from here, before anything is looked for in folders."""
    sys.meta_path.insert(0, Bundle(code, modules))
