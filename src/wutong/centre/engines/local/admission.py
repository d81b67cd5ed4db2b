"""Which runs this machine takes: the refusals, each with the sentence that says what would be possible. Pure."""

import re
import signal
from collections.abc import Iterable

from wutong.centre.engines.local import sandbox
from wutong.centre.engines.local.queue import Need
from wutong.centre.engines.protocol import PROCESSORS, RunSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGNALS = frozenset(name for name in signal.Signals.__members__ if name not in {"SIGKILL", "SIGSTOP"})

_MOST_PROCESSES = 64
_MOST_RESTARTS = 20


def need_of(spec: RunSpec) -> Need:
    """Return what a run takes of a machine: slots, which stand for accelerators, or cards of the kind it names, and never the one for the other."""
    if spec.accelerator in PROCESSORS:
        return Need(spec.slots, spec.cpus, spec.memory_mb)
    return Need(0, spec.cpus, spec.memory_mb, spec.slots, spec.accelerator)


def refusal(spec: RunSpec, total: Need) -> str | None:
    """Say why a run can never start here and what would be possible, or nothing."""
    return _too_large(spec, total, need_of(spec)) or malformed(spec) or sandbox.refusal(spec.mounts)


def is_signal(name: str) -> bool:
    """Tell whether a signal of this name can be sent to a run."""
    return name in _SIGNALS


def _too_large(spec: RunSpec, total: Need, need: Need) -> str | None:
    if spec.nodes != 1:
        return f"This engine is one machine: it runs a job on 1 node, not on {spec.nodes}."
    if need.cards and need.kind != total.kind:
        return f"It asks for {need.cards} accelerators of the kind {need.kind}; this machine has none."
    for wanted, there in ((need.cards, total.cards), (need.slots, total.slots)):
        if wanted > there:
            return f"It asks for {spec.slots} accelerators; the machine has {there}."
    if spec.cpus > total.cpus:
        return f"It asks for {spec.cpus} processors; the machine offers {total.cpus}."
    if spec.memory_mb > total.memory_mb:
        return f"It asks for {spec.memory_mb} MiB of memory; the machine offers {total.memory_mb} MiB."
    return None


def malformed(spec: RunSpec) -> str | None:
    """Say what is wrong with a run's numbers and words wherever it is to run, or nothing."""
    if min(spec.slots, spec.cpus, spec.memory_mb - 1, spec.time_limit_s - 1, spec.grace_s, spec.log_limit_bytes, spec.disk_limit_mb - 1) < 0:
        return "Resources and limits must be positive numbers."
    if not 1 <= spec.processes <= _MOST_PROCESSES or not 0 <= spec.rank_restarts <= _MOST_RESTARTS:
        return f"A node takes 1 to {_MOST_PROCESSES} processes of a run, which may begin again {_MOST_RESTARTS} times at most."
    return _odd_words(spec)


def _odd_words(spec: RunSpec) -> str | None:
    if not _NAME.fullmatch(spec.name):
        return "The name of a run is 1 to 128 letters, digits, dots, dashes and underscores, and begins with a letter or digit."
    if spec.resume_from is not None and not _NAME.fullmatch(spec.resume_from):
        return f"There is no run {spec.resume_from!r} to resume from."
    if not spec.argv or not spec.argv[0] or any("\0" in part for part in spec.argv):
        return "The command is empty or contains a zero byte: say what is to be run."
    if spec.checkpoint_signal not in _SIGNALS:
        return f"{spec.checkpoint_signal!r} is not a signal that can be sent before the end; SIGTERM and SIGUSR1 are usual."
    wrong = next((key for key, value in _variables(spec) if not _VARIABLE.fullmatch(key) or "\0" in value), None)
    if wrong is None:
        return None
    return f"{wrong!r} cannot be a variable: use letters, digits and underscores, not beginning with a digit, and no zero bytes in its value."


def _variables(spec: RunSpec) -> Iterable[tuple[str, str]]:
    return {**spec.environment, **spec.sealed_environment}.items()
