"""Looks a live cluster over: asks Slurm for its settings, runs one small job as a tenant on each node, and judges what it saw. What doctor calls."""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm.checkup import read
from wutong.centre.engines.slurm.checkup.configuration import APART, SERVICE
from wutong.centre.engines.slurm.checkup.places import judge_nodes, judge_rest
from wutong.centre.engines.slurm.checkup.rules import Facts, Finding, Host, Level, Node, Probe
from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.centre.engines.slurm.transport import Transport
from wutong.kit import clock

_AT_ONCE = 4
_PROBE_S = 40.0
_UNFIT = ("DOWN", "DRAIN", "FAIL", "UNKNOWN", "NOT_RESPONDING", "POWER", "INVAL", "MAINT", "RESERVED", "FUTURE")
_WITNESS = Path(__file__).with_name("witness.py")
_ORDER = (Level.OPEN, Level.UNKNOWN, Level.WARNING, Level.HOLDS)


@dataclass(frozen=True, slots=True)
class Witness:
    """As whom the small jobs run: any one tenant's user, with its account and its own folder."""

    identity: Identity
    account: str | None
    home: Path
    python: str = "/usr/bin/python3"
    bubblewrap: str = "/usr/bin/bwrap"


def examine(
    transport: Transport,
    *,
    root: Path | None,
    is_tenants_user: Callable[[str], bool],
    witness: Witness | None = None,
    nodes: Iterable[str] | None = None,
) -> list[Finding]:
    """Return what holds and what does not, the worst first. Without a witness nothing is known of the nodes themselves; `nodes` restricts to some.

    Takes a few seconds, and up to 40 s where nodes are busy.
    """
    facts = look(transport, root=root, is_tenants_user=is_tenants_user)
    if witness is not None:
        facts = probe(transport, facts, witness, root=root, only=None if nodes is None else frozenset(nodes))
    return judge(facts)


def judge(facts: Facts) -> list[Finding]:
    """Apply every rule, the worst findings first."""
    found = [check.judge(facts) for check in (*APART, *SERVICE)]
    found += [*judge_rest(facts), *judge_nodes(facts)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.level))


def look(transport: Transport, *, root: Path | None, is_tenants_user: Callable[[str], bool]) -> Facts:
    """Ask Slurm, and look at this host's files."""
    config = _said(transport, "scontrol", "show", "config")
    accounting = _said(transport, "sacctmgr", "-nP", "show", "config")
    partitions = _said(transport, "scontrol", "-o", "show", "partition")
    nodes = _said(transport, "scontrol", "-o", "show", "node")
    users = _said(transport, "sacctmgr", "-nP", "show", "user", "withcoord", "format=User,Admin,Coord")
    settings = None if config is None else read.settings(config)
    dbd = None if accounting is None else read.accounting_settings(accounting)
    return Facts(
        settings=settings,
        accounting=dbd,
        partitions=None if partitions is None else read.partitions(partitions),
        nodes=None if nodes is None else read.nodes(nodes),
        powers=None if users is None else {user: power for user, power in read.powers(users).items() if is_tenants_user(user)},
        host=_host(settings or {}, dbd or {}, root),
    )


def probe(transport: Transport, facts: Facts, witness: Witness, *, root: Path | None, only: frozenset[str] | None) -> Facts:
    """Run the witness on every node, or on those that are named, and return the facts with what it saw."""
    chosen = [node for node in facts.nodes or () if only is None or node.name in only]
    asked = {"root": str(root or ""), "home": str(witness.home), "bubblewrap": witness.bubblewrap}
    words = json.dumps({**asked, "secrets": _secret_paths(facts.settings or {}, facts.accounting or {})})

    def ask(node: Node) -> Probe | str:
        return _ask_node(transport, node, witness, words)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = dict(zip((node.name for node in chosen), pool.map(ask, chosen), strict=True))
    return replace(facts, probes=seen)


def witness_command(node: Node, witness: Witness, words: str) -> list[str]:
    """Return the small job: one processor, little memory, a minute at most, given up where the node has no room.

    srun itself runs as the tenant: with --uid root cannot read the answer that munge seals for the user, unless the job starts at once.
    """
    user = ["setpriv", f"--reuid={witness.identity.uid}", f"--regid={witness.identity.gid}", "--init-groups"]
    size = ["--ntasks=1", "--cpus-per-task=1", "--mem=64M", "--time=1", "--immediate=20"]
    where = [f"--nodelist={node.name}", f"--partition={node.partition}", "--chdir=/", *([f"--account={witness.account}"] if witness.account else [])]
    program = [witness.python, "-I", "-c", _WITNESS.read_text(encoding="utf-8"), words]
    return [*user, "srun", "--quiet", "--job-name=wutong-doctor", "--export=PATH=/usr/bin:/bin,LANG=C.UTF-8", *size, *where, *program]


def _ask_node(transport: Transport, node: Node, witness: Witness, words: str) -> Probe | str:
    if any(word in node.state for word in _UNFIT):
        return f"{node.name} is {node.state.lower()}"
    began = clock.now().timestamp()
    said = transport.ask(witness_command(node, witness, words), limit_s=_PROBE_S)
    ended = clock.now().timestamp()
    if isinstance(said, Unknown):
        return said.why
    try:
        saw = json.loads(said.out)
    except ValueError:
        return said.why
    return Probe(saw, witness.identity.uid, max(0.0, began - saw["time"], saw["time"] - ended))


def _said(transport: Transport, *argv: str) -> str | None:
    said = transport.ask(argv)
    return None if isinstance(said, Unknown) or said.code else said.out


def _secret_paths(settings: Mapping[str, str], accounting: Mapping[str, str]) -> list[str]:
    key = read.options(settings.get("authaltparameters", "")).get("jwt_key", "")
    return [path for path in (key, accounting.get("slurmdbd_conf", ""), "/etc/munge/munge.key") if path]


def _host(settings: Mapping[str, str], accounting: Mapping[str, str], root: Path | None) -> Host:
    modes = {path: Path(path).stat().st_mode & 0o777 for path in _secret_paths(settings, accounting) if Path(path).is_file()}
    if root is None or not root.is_dir():
        return Host(modes)
    return Host(modes, root.stat().st_mode & 0o7777, root.stat().st_uid)
