"""What every request of one API process shares. The room app builds it; without one it is built from the environment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from wutong.compute.jobs.rules import JobLimits
from wutong.hub.service import UploadFolder
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import TooMany, Unavailable
from wutong.kit.settings import Settings
from wutong.kit.together import Together

if TYPE_CHECKING:
    from wutong.identity.oidc.door import OidcDoor


class Throttle:
    """Counts calls by key in this process; several processes allow as many times more."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits: dict[str, RateLimitItem] = {}

    def pass_through(self, limit: str, *key: str) -> None:
        """Count one call under a limit such as `30/minute`; raises `TooMany` when it is one too many."""
        item = self._limits.setdefault(limit, parse(limit))
        if not self._limiter.hit(item, *key):
            opens = self._limiter.get_window_stats(item, *key).reset_time
            raise TooMany(retry_after_s=max(1, round(opens - clock.now().timestamp())))

    def forget(self) -> None:
        """Forget all calls; for tests."""
        self._limiter.storage.reset()


class Checked(Protocol):
    """One thing that was looked at for the centre's health: `ok`, or what is wrong in `detail`."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def ok(self) -> bool:
        """Whether it is well."""

    @property
    def detail(self) -> str:
        """How it was found, in words for operators."""

    @property
    def label(self) -> str:
        """A word for what is well and yet worth knowing; empty for what is simply well."""


def _nothing_checked() -> Sequence[Checked]:
    return ()


@dataclass(frozen=True)
class Context:
    """Settings, database, engines by name and the blob store. `engines` and `blobs` may be missing where a test needs neither.

    `health` tells how the centre is, as the app that sees every room looks at it; asking often costs nothing.
    """

    settings: Settings
    database: Database
    engines: Any = None
    blobs: Any = None
    throttle: Throttle = field(default_factory=Throttle)
    health: Callable[[], Sequence[Checked]] = _nothing_checked

    @cached_property
    def uploads(self) -> UploadFolder:
        """The folder of growing uploads."""
        return UploadFolder(self.settings.home / "uploads")

    @cached_property
    def together(self) -> Together:
        """Gathers what callers write at the same time."""
        return Together(self.database)

    @cached_property
    def job_limits(self) -> JobLimits:
        """What the jobs room needs to know of the settings."""
        return JobLimits.of(self.settings)

    @cached_property
    def logins(self) -> "OidcDoor":
        """The ways in through other providers; read when the first page asks, because programs never do."""
        from wutong.identity.oidc.door import OidcDoor

        return OidcDoor(self.database, self.settings)


def context_from_environment() -> Context:
    """Build a context with a database and nothing else, for an application that is served on its own."""
    settings = Settings()
    if settings.database_url is None:
        raise Unavailable(what="The database (WUTONG_DATABASE_URL is not set)")
    return Context(settings, Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool))
