"""The plain types of the forecast: what a job asks for, what runs, what was foretold. Times are seconds on one clock, of any origin."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

WAITS_S = 60.0
"""A job waits when it starts this long after its submission; quicker starts are no wait, to a person."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A job as the scheduler sees it: how many cards for at most how long. A limit of None is an unknown or unlimited one."""

    name: str
    cards: int
    limit_s: float | None
    submit_s: float
    user: str = ""
    priority: float = field(default=0.0, compare=False)
    """A higher one goes first; equal ones go by submission. It moves all the time, and a job of another priority is still the same job."""
    tenant: str = ""

    @property
    def most_s(self) -> float:
        """The longest it can run."""
        return inf if self.limit_s is None else self.limit_s


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs, and since when."""

    ask: Ask
    start_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """When a job is foretold to start, and the time by which nine in ten such jobs have started. Infinite: not on this machine as it is."""

    start_s: float
    bound_s: float


@dataclass(frozen=True, slots=True)
class Past:
    """A job of a recorded log: what it asked for, how long it ran, how long it really waited there (None where the log does not say)."""

    ask: Ask
    run_s: float
    tenant: str = ""
    qos: str = ""
    waited_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded log, by submission; `cards` is the size of the machine it was recorded on, 0 where the log does not say."""

    name: str
    cards: int
    jobs: list[Past]


@dataclass(frozen=True, slots=True)
class Machine:
    """Cards that are alike. With `cards_per_node` a job of a node or less stands on one node, and a larger one takes whole nodes first."""

    cards: int
    cards_per_node: int = 0


class Order(StrEnum):
    """How a scheduler goes through its queue."""

    FIFO = "fifo"
    """In order of submission, and nobody overtakes."""
    EASY = "easy"
    """In order of submission; a later job may start where it delays the first by nothing."""
    PRIORITY = "priority"
    """EASY over Slurm's multifactor priority: fair share, age, QOS."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A scheduler's settings. Shares are relative, 1 for who is not named; weights are Slurm's PriorityWeight*."""

    order: Order = Order.EASY
    fair_share_weight: float = 10_000.0
    age_weight: float = 1_000.0
    qos_weight: float = 0.0
    age_most_s: float = 7 * 86_400.0
    half_life_s: float = 7 * 86_400.0
    recalculate_s: float = 300.0
    by_user: bool = False
    """Share among users instead of tenants."""
    shares: dict[str, float] = field(default_factory=dict)
    qos: dict[str, float] = field(default_factory=dict)
    """Each QOS's part of its weight, 0 to 1."""


def scheduling_order(ask: Ask) -> tuple[float, float, str]:
    """Sort key of a queue: priority, then age, then name so that ties have one order."""
    return (-ask.priority, ask.submit_s, ask.name)
