"""What a tenant asks for: the request of a job, its checks and its form as JSON. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from wutong.centre.rules import Launch, rank_count
from wutong.kit.errors import Invalid

MAX_ARRAY = 1000
MAX_AFTER = 64
MAX_MOUNTS = 32
MAX_LABELS = 32
MAX_ENVIRONMENT_BYTES = 64 * 1024
MAX_COMMAND_BYTES = 64 * 1024
MAX_TIME_LIMIT_S = 30 * 24 * 3600
MAX_GRACE_S = 3600
SIGNALS = frozenset({"SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGHUP"})

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


class OnRankFailure(StrEnum):
    """What becomes of the other ranks when one fails: they end with it, or all begin again from their checkpoint, so many times."""

    END = "end"
    RESTART = "restart"


class Priority(StrEnum):
    """How soon a tenant wants a job among its own jobs."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


PRIORITY_NUMBER = {Priority.LOW: -10, Priority.NORMAL: 0, Priority.HIGH: 10}


@dataclass(frozen=True, slots=True)
class DataMount:
    """A version in the hub, and the name under which the job sees it (`/data/<path>`, or `/models/<path>`); "" takes the repository's name."""

    ref: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signal a job gets before it must stop, and the seconds it has then."""

    signal: str = "SIGTERM"
    grace_s: int = 60


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What becomes of the outputs: a version of a model when named, else of an output repository; only of `folder` inside the outputs when given."""

    model: str | None = None
    folder: str = ""
    keep_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """The indices of an array, and how many of its jobs may be under way at once."""

    indices: tuple[int, ...]
    at_once: int


@dataclass(frozen=True, slots=True)
class JobRequest:
    """All a tenant says about a job. `command` is a line for the shell, or the words of a program call."""

    name: str
    command: str | tuple[str, ...]
    flavour: str
    code: str | None = None
    environment: str = "python-3.11"
    datasets: tuple[DataMount, ...] = ()
    models: tuple[DataMount, ...] = ()
    nodes: int = 1
    processes: int = 1
    launch: Launch = Launch.ONCE
    on_rank_failure: OnRankFailure = OnRankFailure.END
    rank_restarts: int = 3
    time_limit_s: int = 3600
    tries: int = 1
    priority: Priority = Priority.NORMAL
    checkpoint: Checkpoint | None = None
    secrets: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    array: str | None = None
    after: tuple[str, ...] = ()
    outputs: OutputSpec = field(default_factory=OutputSpec)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def ranks(self) -> int:
        """How often the command is started; each start has a log of its own."""
        return rank_count(self.launch, nodes=self.nodes, processes=self.processes)


_FIELDS = tuple(each.name for each in fields(JobRequest))


def to_json(request: JobRequest) -> dict[str, Any]:
    """Return the request as plain JSON values."""
    plain = {name: getattr(request, name) for name in _FIELDS}
    plain["datasets"], plain["models"] = [asdict(mount) for mount in request.datasets], [asdict(mount) for mount in request.models]
    plain["checkpoint"] = None if request.checkpoint is None else asdict(request.checkpoint)
    plain["outputs"] = asdict(request.outputs)
    plain["env"], plain["labels"] = dict(request.env), dict(request.labels)
    return plain


def from_json(data: Mapping[str, Any]) -> JobRequest:
    """Return the request that `to_json` wrote."""
    command = data["command"]
    checkpoint = data.get("checkpoint")
    return JobRequest(
        **{
            **data,
            "command": command if isinstance(command, str) else tuple(command),
            "datasets": tuple(DataMount(**mount) for mount in data.get("datasets", ())),
            "models": tuple(DataMount(**mount) for mount in data.get("models", ())),
            "priority": Priority(data.get("priority", "normal")),
            "launch": Launch(data.get("launch", "once")),
            "on_rank_failure": OnRankFailure(data.get("on_rank_failure", "end")),
            "checkpoint": None if checkpoint is None else Checkpoint(**checkpoint),
            "secrets": tuple(data.get("secrets", ())),
            "after": tuple(data.get("after", ())),
            "outputs": OutputSpec(**data.get("outputs", {})),
        }
    )


def digest(request: JobRequest) -> str:
    """Return a sha256 that is the same for the same request."""
    return hashlib.sha256(json.dumps(to_json(request), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def parse_array(text: str | None) -> ArraySpec | None:
    """Read `0-9`, `0-9%4` or `1,3,5-7%2`; raises `Invalid`."""
    if text is None:
        return None
    body, _, limit = text.replace(" ", "").partition("%")
    indices: list[int] = []
    for part in body.split(","):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MAX_ARRAY:
            raise Invalid(field="array", reason=f"Write indices such as 0-9, 1,3,5 or 0-9%4 (at most 4 at once), at most {MAX_ARRAY} of them.")
        indices.extend(range(first, last + 1))
    unique = tuple(sorted(set(indices)))
    if len(unique) != len(indices) or len(unique) > MAX_ARRAY:
        raise Invalid(field="array", reason=f"Name each index once, and at most {MAX_ARRAY} of them.")
    if limit and (not limit.isascii() or not limit.isdigit() or int(limit) < 1):
        raise Invalid(field="array", reason="After % write how many jobs of the array may run at once, such as 0-9%4.")
    return ArraySpec(unique, min(int(limit), len(unique)) if limit else len(unique))


def check(request: JobRequest) -> None:
    """Raise `Invalid` for what no centre could run; what this centre lacks is found later."""
    _check_words(request)
    _check_numbers(request)
    _check_variables(request.env, request.secrets)
    _check_mounts("datasets", request.datasets)
    _check_mounts("models", request.models)
    _check_labels(request.labels)
    parse_array(request.array)
    if len(request.after) > MAX_AFTER or len(set(request.after)) != len(request.after):
        raise Invalid(field="after", reason=f"Name each job to wait for once, and at most {MAX_AFTER} of them.")


def argv(command: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the words to run: a line goes to the shell, words are run as they are."""
    return ("/bin/sh", "-c", command) if isinstance(command, str) else command


def mount_name(mount: DataMount) -> str:
    """Return the name under which a job sees a mount."""
    path = mount.path.strip("/")
    for prefix in ("data/", "models/"):
        path = path.removeprefix(prefix)
    return path or mount.ref.partition("@")[0].rpartition("/")[2]


def variable_of(name: str) -> str:
    """Return a name as part of an environment variable: `dubai-tiles` becomes `DUBAI_TILES`."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _check_words(request: JobRequest) -> None:
    if not 1 <= len(request.name) <= 128 or not request.name.isprintable() or not request.name.strip():
        raise Invalid(field="name", reason="Give the job a name of 1 to 128 visible characters.")
    words = argv(request.command)
    if not words or not words[0] or not words[-1].strip() or any("\0" in word for word in words):
        raise Invalid(field="command", reason="Write the command to run, such as: python train.py")
    if sum(len(word.encode()) for word in words) > MAX_COMMAND_BYTES:
        raise Invalid(field="command", reason="The command is over 64 KiB. Put it in a script and send that as the job's code.")
    folder = request.outputs.folder
    if folder and (folder.startswith("/") or "\0" in folder or ".." in folder.split("/")):
        raise Invalid(field="outputs.folder", reason="Name a folder inside the job's outputs, such as model.")


def _check_numbers(request: JobRequest) -> None:
    limits: Sequence[tuple[str, int, int, int]] = (
        ("nodes", request.nodes, 1, 1024),
        ("processes", request.processes, 1, 64),
        ("rank_restarts", request.rank_restarts, 1, 20),
        ("time_limit_s", request.time_limit_s, 1, MAX_TIME_LIMIT_S),
        ("tries", request.tries, 1, 20),
    )
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise Invalid(field=name, reason=f"Choose from {low} to {high}; this says {value}.")
    if request.on_rank_failure is OnRankFailure.RESTART and request.launch is Launch.ONCE:
        why = "With launch: once there are no ranks to begin again; say in `tries` how often the command is tried."
        raise Invalid(field="on_rank_failure", reason=why)
    if request.checkpoint is not None:
        if request.checkpoint.signal not in SIGNALS:
            raise Invalid(field="checkpoint.signal", reason=f"Choose one of {', '.join(sorted(SIGNALS))}.")
        if not 0 <= request.checkpoint.grace_s <= MAX_GRACE_S:
            raise Invalid(field="checkpoint.grace_s", reason=f"Choose from 0 to {MAX_GRACE_S} seconds.")


def _check_variables(env: Mapping[str, str], secrets: Sequence[str]) -> None:
    for name in (*env, *secrets):
        if not _VARIABLE.fullmatch(name):
            raise Invalid(field="env", reason=f"{name!r} cannot be the name of a variable: use letters, digits and _, not beginning with a digit.")
        if name.startswith(("WUTONG_", "LD_")):
            raise Invalid(field="env", reason=f"{name} is set by the centre. Choose another name.")
    both = set(env) & set(secrets)
    if both or len(set(secrets)) != len(secrets):
        raise Invalid(field="secrets", reason="Name each secret once, and not also as a plain variable.")
    if any("\0" in value for value in env.values()) or sum(len(k) + len(v.encode()) for k, v in env.items()) > MAX_ENVIRONMENT_BYTES:
        raise Invalid(field="env", reason="All variables together may have 64 KiB. Put larger things in a file of the job's code.")


def _check_mounts(kind: str, mounts: Sequence[DataMount]) -> None:
    names = [mount_name(mount) for mount in mounts]
    for name in names:
        if not _MOUNT.fullmatch(name):
            raise Invalid(field=kind, reason=f"{name!r} cannot be the name of a folder: use letters, digits, dots, _ and -.")
    if len(mounts) > MAX_MOUNTS or len({variable_of(name) for name in names}) != len(names):
        raise Invalid(field=kind, reason=f"Give each a name of its own (path), and mount at most {MAX_MOUNTS}.")


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > MAX_LABELS:
        raise Invalid(field="labels", reason=f"Give at most {MAX_LABELS} labels.")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or len(value) > 100 or not value.isprintable():
            raise Invalid(field="labels", reason="A label's name has letters, digits and . _ / -; its value up to 100 visible characters.")
