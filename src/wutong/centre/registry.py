"""The engines of this process by name, and one way to ask them that turns a raised error into Unknown."""

from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

from wutong.centre.engines.protocol import Engine, Unknown
from wutong.kit.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Engines:
    """Engines by name. The app builds and fills it; `allow_unconfined_tenants` is the operator's word that all tenants trust each other."""

    def __init__(self, engines: Iterable[Engine] = (), *, allow_unconfined_tenants: bool = False) -> None:
        self._engines = {engine.name: engine for engine in engines}
        self.allow_unconfined_tenants = allow_unconfined_tenants

    def __iter__(self) -> Iterator[Engine]:
        return iter(list(self._engines.values()))

    def add(self, engine: Engine) -> None:
        """Put an engine in, in place of one of the same name."""
        self._engines[engine.name] = engine

    def find(self, name: str) -> Engine | None:
        """Return the engine, or None."""
        return self._engines.get(name)

    def get(self, name: str) -> Engine:
        """Return the engine, or raise `Unavailable`."""
        engine = self._engines.get(name)
        if engine is None:
            raise Unavailable(what=f"Engine {name}")
        return engine


def ask(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Unknown:
    """Ask an engine something. An engine that raises, against its promise, did not answer."""
    try:
        return call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  (an adapter may fail in any way; none of them may end a run)
        return Unknown(f"{type(error).__name__}: {error}")
