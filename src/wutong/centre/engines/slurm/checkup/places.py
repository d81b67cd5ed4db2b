"""What nodes, partitions, users and files must be like. Pure; one rule looks at all nodes and names those that fail it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wutong.centre.engines.slurm.checkup.rules import Facts, Finding, Level, Probe

OLDEST_PYTHON = (3, 9)
_MOST_SKEW_S = 2.0
_SANE_PROCESSES = 100_000
_NAMED = 5


@dataclass(frozen=True, slots=True)
class NodeCheck:
    """A rule about what a job saw. `failure` returns what it saw that should not be, or nothing."""

    level: Level
    what: str
    why: str
    fix: str
    failure: Callable[[Probe], str]


def _python(probe: Probe) -> str:
    version = str(probe.saw["python"])
    return "" if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_PYTHON else version


def _yes(name: str, seen: str) -> Callable[[Probe], str]:
    return lambda probe: "" if probe.saw[name] else seen


def _unlimited(probe: Probe) -> str:
    most = int(probe.saw["processes"])
    return "" if 0 < most <= _SANE_PROCESSES else "no limit"


NODE_CHECKS = (
    NodeCheck(
        Level.OPEN,
        "a job runs as its tenant's UNIX user, in no group of others",
        "Files and processes of tenants are kept apart by their users.",
        "Make the users the same on every node (LDAP, SSSD), each with groups of its own.",
        lambda probe: "" if probe.saw["uid"] == probe.uid and 0 not in probe.saw["groups"] else f"user {probe.saw['uid']}",
    ),
    NodeCheck(
        Level.OPEN,
        "jobs run in the sandbox",
        "Without it a job sees the whole node: its processes, /tmp, the network and Slurm itself.",
        "Install bubblewrap and allow user name spaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1).",
        lambda probe: str(probe.saw["bubblewrap"]),
    ),
    NodeCheck(
        Level.OPEN,
        "a tenant cannot list or write the folder of all tenants",
        "Names of others are seen, and links can be put where root works.",
        "Run `chown root:root` and `chmod 711` on the shared folder, on the file server.",
        lambda probe: "listed or written" if probe.saw["root_listed"] or probe.saw["root_written"] else "",
    ),
    NodeCheck(
        Level.OPEN,
        "no secret of the cluster can be read",
        "Whoever reads the keys or the accounting's password is every user.",
        "Run `chmod 600` on them and give new keys out.",
        lambda probe: ", ".join(probe.saw["secrets_read"]),
    ),
    NodeCheck(
        Level.WARNING,
        "a tenant can write its own folder",
        "Its jobs leave nothing.",
        "Mount the shared folder on the node, with the same user numbers as on this host.",
        _yes("home_written", "not written"),
    ),
    NodeCheck(
        Level.WARNING,
        "other users' processes are hidden",
        "Command lines of others can be read outside the sandbox.",
        "Mount /proc with hidepid=invisible.",
        lambda probe: f"{probe.saw['strangers']} seen" if probe.saw["strangers"] else "",
    ),
    NodeCheck(
        Level.WARNING,
        "Slurm's listings that hide nothing are out of reach",
        "PrivateData does not cover them: outside the sandbox anyone sees every tenant's account, its limits and what it uses.",
        "Run tenants' work in the sandbox only, and let only the cluster's hosts reach slurmdbd's port, by a firewall.",
        lambda probe: ", ".join(probe.saw["listings"]),
    ),
    NodeCheck(
        Level.WARNING,
        "the kernel protects against links to others' files",
        "A tenant can give others' files a second name in its own folder.",
        "Set sysctl fs.protected_hardlinks=1 and fs.protected_symlinks=1.",
        _yes("links_protected", "unprotected"),
    ),
    NodeCheck(
        Level.WARNING,
        "a job has a /tmp of its own",
        "Outside the sandbox what it leaves is there for the next.",
        "Set JobContainerType=job_container/tmpfs and PrologFlags=Contain.",
        lambda probe: "" if "/tmp" in probe.saw["mounts"] else "shared",  # noqa: S108 - a path on the node
    ),
    NodeCheck(
        Level.WARNING,
        "a tenant cannot start processes without end",
        "A fork bomb takes the node from everyone on it.",
        "Limit processes of tenants' users (nproc) in the limits of slurmd's service or of PAM.",
        _unlimited,
    ),
    NodeCheck(
        Level.WARNING,
        "no secrets are in a job's environment",
        "What was in the environment of whoever submitted is now the tenant's.",
        "Submit with --export=NONE and keep secrets out of slurmd's environment and prologs.",
        lambda probe: ", ".join(probe.saw["suspicious"]),
    ),
    NodeCheck(
        Level.WARNING,
        f"Python is {'.'.join(map(str, OLDEST_PYTHON))} or newer",
        "The runner does not start.",
        "Install it, or name another in the engine's settings.",
        _python,
    ),
    NodeCheck(
        Level.WARNING, "setpriv is there", "The sandbox cannot give up what it needs to begin.", "Install util-linux.", _yes("privileges", "missing")
    ),
    NodeCheck(
        Level.WARNING,
        "the clock is right",
        "Munge refuses credentials, and usage is dated wrongly.",
        "Run chrony or another NTP client.",
        lambda probe: f"{probe.skew_s:.0f} s off" if probe.skew_s > _MOST_SKEW_S else "",
    ),
)


def judge_nodes(facts: Facts) -> Iterator[Finding]:
    """Say of each rule on which nodes it fails, and on which it could not be looked at."""
    looked = {name: probe for name, probe in facts.probes.items() if isinstance(probe, Probe)}
    dark = {name: why for name, why in facts.probes.items() if isinstance(why, str)}
    if dark:
        why = f"No job could be run there: {next(iter(dark.values()))}."
        fix = "Look at the nodes' state, or ask again when they have room."
        yield Finding(Level.UNKNOWN, "what a tenant's job sees of a node", why, fix, _names(sorted(dark)))
    for check in NODE_CHECKS:
        failures = {name: seen for name, probe in looked.items() if (seen := check.failure(probe))}
        if failures:
            yield Finding(check.level, check.what, check.why, check.fix, f"{_names(sorted(failures))}: {next(iter(failures.values()))}")
        elif looked:
            yield Finding(Level.HOLDS, check.what, check.why, check.fix)


def judge_rest(facts: Facts) -> Iterator[Finding]:
    """Say what is wrong with partitions, users and files."""
    fenced = [each.name for each in facts.partitions or () if each.accounts != "ALL" or each.groups != "ALL"]
    yield _finding(
        Level.WARNING,
        None if facts.partitions is None else fenced,
        "no partition is fenced off for some tenants",
        "Fences made mean waits hundreds of times longer on recorded workloads; shares do the same without.",
        "Set AllowAccounts=ALL and AllowGroups=ALL, and weights where they are wanted.",
    )
    powers = None if facts.powers is None else [f"{user} ({power})" for user, power in facts.powers.items()]
    yield _finding(
        Level.OPEN,
        powers,
        "no tenant's user may change the accounting",
        "An administrator, operator or coordinator changes limits and sees and ends others' jobs.",
        "Run `sacctmgr modify user <user> set adminlevel=none` and `sacctmgr remove coordinator`.",
    )
    secrets = None if facts.host is None else [f"{path} (mode {mode:o})" for path, mode in facts.host.secrets.items() if mode & 0o077]
    yield _finding(
        Level.OPEN,
        secrets,
        "only their owners read the cluster's keys and passwords on this host",
        "Whoever reads them acts as any user.",
        "Run `chmod 600`.",
    )
    if facts.host is not None and facts.host.root_mode is not None:
        closed = facts.host.root_owner == 0 and not facts.host.root_mode & 0o066
        yield _finding(
            Level.OPEN,
            [] if closed else [f"mode {facts.host.root_mode:o}, owner {facts.host.root_owner}"],
            "the folder of all tenants belongs to root and can only be passed",
            "Tenants see each other's names, or put links where root works.",
            "Run `chown root:root` and `chmod 711` on it.",
        )


def _finding(level: Level, failures: list[str] | None, what: str, why: str, fix: str) -> Finding:
    if failures is None:
        return Finding(Level.UNKNOWN, what, "It could not be looked at.", fix)
    return Finding(level if failures else Level.HOLDS, what, why, fix, _names(failures))


def _names(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
