"""The types: what is wished for tenants, what stands on the cluster in one shape for both sides, and how the one is made the other. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ROOT = "root"


class ServiceClass(StrEnum):
    """How work is treated, and so priced. Each is a QOS of the cluster."""

    NORMAL = "normal"
    PREEMPTIBLE = "preemptible"
    URGENT = "urgent"
    IDLE = "idle"
    INTERACTIVE = "interactive"


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one tenant, all its projects together. For safety and money only: shares divide the machine, ceilings would fence it.

    `trackable` holds what may be in use at once (such as `gres/gpu`: 64), `trackable_minutes` what may ever be used.
    """

    jobs: int | None = None
    submitted: int | None = None
    trackable: Mapping[str, int] = field(default_factory=dict)
    trackable_minutes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectWish:
    """Part of a tenant with a share of the tenant's."""

    project: str
    label: str = ""
    share: int = 1


@dataclass(frozen=True, slots=True)
class TenantWish:
    """What one tenant is to have. `closed` lets nothing new in; without `classes` it has the centre's."""

    tenant: str
    label: str = ""
    share: int = 1
    limits: Limits = Limits()
    projects: tuple[ProjectWish, ...] = ()
    classes: tuple[ServiceClass, ...] = ()
    closed: bool = False


class Noun(StrEnum):
    """What there is in Slurm's accounting. An association is what lets a user work in an account."""

    QOS = "qos"
    ACCOUNT = "account"
    ASSOCIATION = "association"


Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """A QOS (name,), an account (name,) or an association (user, account).

    `settings` maps sacctmgr's word to its value as text; what is not set is not there. A part of a list of resources has its own word
    with a colon (`grptres:gres/gpu`).
    """

    noun: Noun
    key: Key
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """The accounting of one cluster, wished or seen."""

    cluster: str
    things: Mapping[tuple[Noun, Key], Thing]

    def of(self, noun: Noun) -> list[Thing]:
        """List the things of one kind."""
        return [thing for (kind, _key), thing in self.things.items() if kind is noun]

    def find(self, noun: Noun, *key: str) -> Thing | None:
        """Find one thing."""
        return self.things.get((noun, key))


@dataclass(frozen=True, slots=True)
class Busy:
    """Accounts and QOS that jobs are using, whoever sent them; nothing known (`None`) counts as everything."""

    accounts: frozenset[str] = frozenset()
    qos: frozenset[str] = frozenset()


class Verb(StrEnum):
    """What is done to a thing."""

    ADD = "add"
    SET = "set"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value to give, and the one that stands there."""

    word: str
    value: str | None
    before: str | None = None

    def __str__(self) -> str:
        return f"{self.word}: {self.before or 'unset'} -> {self.value or 'unset'}"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do on the cluster."""

    verb: Verb
    noun: Noun
    key: Key
    settings: tuple[Setting, ...] = ()

    def __str__(self) -> str:
        name = " in ".join(self.key)
        if self.verb is Verb.SET:
            return f"set {self.noun} {name}: " + "; ".join(map(str, self.settings))
        values = ", ".join(f"{each.word}={each.value}" for each in self.settings)
        return f"{self.verb} {self.noun} {name}" + (f" ({values})" if values else "")


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that is not done, now or ever, and why."""

    noun: Noun
    key: Key
    why: str

    def __str__(self) -> str:
        return f"{self.noun} {' in '.join(self.key)}: {self.why}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference. `changes` are in the order in which they work; `deferred` wait for jobs; `conflicts` are names taken by others."""

    cluster: str
    changes: tuple[Change, ...] = ()
    deferred: tuple[Aside, ...] = ()
    conflicts: tuple[Aside, ...] = ()
    foreign: tuple[Thing, ...] = ()

    def lines(self) -> list[str]:
        """Say it to a person, a line each: what a dry run prints."""
        found = [str(change) for change in self.changes]
        found += [f"put off {aside}" for aside in self.deferred]
        found += [f"in the way {aside}" for aside in self.conflicts]
        return found + [f"left alone {thing.noun} {' in '.join(thing.key)}" for thing in self.foreign]
