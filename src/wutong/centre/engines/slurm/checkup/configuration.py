"""What a cluster's own settings must say so that tenants are kept apart and the adapter works. Pure; each rule is a row."""

from collections.abc import Callable

from wutong.centre.engines.slurm.checkup import read
from wutong.centre.engines.slurm.checkup.rules import Check, Facts, Holds, Level

_HIDDEN = {"accounts", "jobs", "usage", "users"}
_LONGEST_CREDENTIAL_S = 30
_LEAST_JOB_AGE_S = 60
_SLOWEST_NODE_S = 300
_DEFAULT_CREDENTIAL_S = "120"


def _setting(name: str, test: Callable[[str], bool]) -> Holds:
    return lambda facts: None if facts.settings is None else test(facts.settings.get(name, ""))


def _accounting(name: str, test: Callable[[str], bool]) -> Holds:
    return lambda facts: None if facts.accounting is None else test(facts.accounting.get(name, ""))


def _has(*wanted: str) -> Callable[[str], bool]:
    return lambda value: {*wanted} <= read.words(value)


def _is(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value.lower() in allowed


def _at_least(least: float) -> Callable[[str], bool]:
    return lambda value: value.replace(".", "", 1).isdigit() and float(value) >= least


def _lasts(least: int, most: int) -> Callable[[str], bool]:
    return lambda value: least <= (read.seconds(value) or 0) <= most


def _confines(name: str) -> Holds:
    """What cgroup.conf asks for is only done by task/cgroup."""

    def holds(facts: Facts) -> bool | None:
        if facts.settings is None:
            return None
        return "task/cgroup" in read.words(facts.settings.get("taskplugin", "")) and facts.settings.get(name, "") == "yes"

    return holds


def _private_folders(facts: Facts) -> bool | None:
    if facts.settings is None:
        return None
    contains = "contain" in read.words(facts.settings.get("prologflags", ""))
    return facts.settings.get("jobcontainertype") == "job_container/tmpfs" and contains


def _credential_is_short(facts: Facts) -> bool | None:
    if facts.settings is None:
        return None
    return int(read.options(facts.settings.get("authinfo", "")).get("cred_expire", _DEFAULT_CREDENTIAL_S)) <= _LONGEST_CREDENTIAL_S


def _alone_on_the_network(facts: Facts) -> bool | None:
    """The ranks of several nodes meet over the nodes' own network, where whoever shares a node shares its loopback."""
    if facts.nodes is None or facts.partitions is None:
        return None
    return len(facts.nodes) < 2 or all(partition.alone for partition in facts.partitions)


def _devices_are_confinable(facts: Facts) -> bool | None:
    """Slurm confines devices and sets variables only for a resource that is named gpu."""
    if facts.nodes is None:
        return None
    names = {part.split(":")[0] for node in facts.nodes for part in node.resources.split(",") if part}
    return not names & {"npu", "dcu", "mlu", "xpu", "accelerator"}


def _age_is_light(facts: Facts) -> bool | None:
    if facts.settings is None:
        return None
    age, share = (float(facts.settings.get(f"priorityweight{what}", "") or 0) for what in ("age", "fairshare"))
    return age * 10 <= share


def _looks_far_ahead(value: str) -> bool:
    return int(read.options(value).get("bf_window", "1440")) >= 2 * 1440


APART = (
    Check(
        Level.OPEN,
        "the controller hides jobs and usage from other tenants",
        "Anyone may list everyone's jobs, with names and comments.",
        "Set PrivateData=jobs,usage,users,accounts in slurm.conf.",
        _setting("privatedata", _has(*_HIDDEN)),
    ),
    Check(
        Level.OPEN,
        "the accounting hides jobs and accounts from other tenants",
        "slurm.conf does not speak for it: anyone may list every tenant's account and past jobs.",
        "Set PrivateData=jobs,usage,users,accounts in slurmdbd.conf as well.",
        _accounting("privatedata", _has(*_HIDDEN)),
    ),
    Check(
        Level.OPEN,
        "jobs need an account of their own tenant, a class it may use, and room under its limits",
        "A job may name any account, so that another tenant is charged, and any class.",
        "Set AccountingStorageEnforce=associations,limits,qos,safe.",
        _setting("accountingstorageenforce", _has("associations", "limits", "qos")),
    ),
    Check(
        Level.WARNING,
        "a training over several nodes has its nodes' network to itself",
        "Its ranks meet over the nodes' own network: they reach what listens on these nodes, and other tenants' trainings there reach them.",
        "Set ExclusiveUser=YES for the partitions, and keep services of the centre's network from its nodes by a firewall.",
        _alone_on_the_network,
    ),
    Check(
        Level.WARNING,
        "a job that could overrun its budget does not start",
        "A budget in minutes is noticed when it has been passed.",
        "Add safe to AccountingStorageEnforce.",
        _setting("accountingstorageenforce", _has("safe")),
    ),
    Check(
        Level.OPEN,
        "no process outlives its job",
        "A process that leaves its session runs on after its job, unseen and unpaid, beside the next tenant's.",
        "Set ProctrackType=proctrack/cgroup.",
        _setting("proctracktype", _is("proctrack/cgroup")),
    ),
    Check(
        Level.OPEN,
        "a job gets no more memory than it asked for",
        "One job can take a node's memory, and the kernel then kills another tenant's.",
        "Set TaskPlugin=task/cgroup,task/affinity in slurm.conf and ConstrainRAMSpace=yes in cgroup.conf.",
        _confines("constrainramspace"),
    ),
    Check(
        Level.OPEN,
        "a job opens no accelerators but its own",
        "A job can use, and read the memory of, accelerators that another tenant has paid for.",
        "Set TaskPlugin=task/cgroup, ConstrainDevices=yes in cgroup.conf, and name the device files in gres.conf.",
        _confines("constraindevices"),
    ),
    Check(
        Level.OPEN,
        "accelerators are known to Slurm under the name gpu",
        "Slurm 22.05 confines no device and sets no variable for a resource of any other name.",
        "Write Gres=gpu:<kind>:<count>, for example gpu:ascend910b:8, in slurm.conf and gres.conf.",
        _devices_are_confinable,
    ),
    Check(
        Level.WARNING,
        "a job uses no more processors than it asked for",
        "A job with many threads slows its neighbours.",
        "Set ConstrainCores=yes in cgroup.conf.",
        _confines("constraincores"),
    ),
    Check(
        Level.WARNING,
        "each job has a /tmp and /dev/shm of its own",
        "Outside the sandbox what a job leaves in /tmp is there for the next tenant, as is what it fills.",
        "Set JobContainerType=job_container/tmpfs and PrologFlags=Contain, with BasePath outside /tmp in job_container.conf.",
        _private_folders,
    ),
    Check(
        Level.OPEN,
        "Slurm's daemon is not root",
        "A fault in slurmctld is then a fault with every right.",
        "Set SlurmUser=slurm.",
        _setting("slurmuser", lambda value: bool(value) and not value.startswith("root")),
    ),
    Check(
        Level.OPEN,
        "tenants set no triggers",
        "A trigger runs a program of its owner's choice on the controller's host.",
        "Take allow_user_triggers out of SlurmctldParameters.",
        _setting("slurmctldparameters", lambda value: "allow_user_triggers" not in read.words(value)),
    ),
)

SERVICE = (
    Check(
        Level.WARNING,
        "an impossible job is refused at once",
        "It is taken in and waits for ever.",
        "Set EnforcePartLimits=ALL.",
        _setting("enforcepartlimits", _is("all", "any")),
    ),
    Check(
        Level.WARNING,
        "shares decide who is next",
        "A tenant that floods the queue is served first come, first served.",
        "Set PriorityType=priority/multifactor and PriorityWeightFairshare=10000.",
        lambda facts: _both(facts, ("prioritytype", _is("priority/multifactor")), ("priorityweightfairshare", _at_least(1))),
    ),
    Check(
        Level.WARNING,
        "shares are counted again every minute",
        "A tenant that begins to flood the queue is first come, first served until then.",
        "Set PriorityCalcPeriod=1 (minutes; Slurm can do no less).",
        _setting("prioritycalcperiod", _lasts(1, 60)),
    ),
    Check(
        Level.WARNING,
        "long waits do not outweigh shares",
        "A tenant's thousand old jobs go before a job of a tenant that used nothing.",
        "Set PriorityWeightAge to a tenth of PriorityWeightFairshare or less.",
        _age_is_light,
    ),
    Check(
        Level.WARNING,
        "service classes have weight",
        "Urgent work waits like any other.",
        "Set PriorityWeightQOS to more than PriorityWeightFairshare.",
        _setting("priorityweightqos", _at_least(1)),
    ),
    Check(
        Level.WARNING,
        "urgent work may take the place of work that yields",
        "Idle-time jobs keep their nodes until they end.",
        "Set PreemptType=preempt/qos and PreemptMode=REQUEUE.",
        lambda facts: _both(facts, ("preempttype", _is("preempt/qos")), ("preemptmode", _has("requeue"))),
    ),
    Check(
        Level.WARNING,
        "a preempted job is told before it is ended",
        "It hears nothing during its grace and saves no checkpoint.",
        "Add preempt_send_user_signal to SlurmctldParameters.",
        _setting("slurmctldparameters", _has("preempt_send_user_signal")),
    ),
    Check(
        Level.WARNING,
        "jobs may be requeued",
        "A job on a node that dies, or that is preempted, is lost.",
        "Set JobRequeue=1.",
        _setting("jobrequeue", _is("1")),
    ),
    Check(
        Level.WARNING,
        "a requeued job starts again soon",
        "Slurm holds a requeued job back until its credential has run out: two minutes unless it is told otherwise.",
        "Set AuthInfo=cred_expire=5 (with what stands there already).",
        _credential_is_short,
    ),
    Check(
        Level.WARNING,
        "ended jobs stay in the controller's list for a while",
        "The adapter must ask the accounting, which is slower and later, how they ended.",
        "Set MinJobAge=300 or more.",
        _setting("minjobage", _lasts(_LEAST_JOB_AGE_S, 86400)),
    ),
    Check(
        Level.WARNING,
        "a job that is killed has time to end",
        "Between TERM and KILL there is too little time, or so much that nodes stand idle.",
        "Set KillWait between 3 and 60.",
        _setting("killwait", _lasts(3, 60)),
    ),
    Check(
        Level.WARNING,
        "a dead node is noticed within minutes",
        "Its jobs wait for it.",
        "Set SlurmdTimeout=300 or less.",
        _setting("slurmdtimeout", _lasts(1, _SLOWEST_NODE_S)),
    ),
    Check(
        Level.WARNING,
        "the limits of whoever submits are not the job's",
        "Jobs are submitted by root; what root may have open or locked is not what jobs should.",
        "Set PropagateResourceLimits=NONE.",
        _setting("propagateresourcelimits", _is("none", "")),
    ),
    Check(
        Level.WARNING,
        "accelerators are accounted for",
        "Neither limits on them nor the daily comparison with the ledger work.",
        "Set AccountingStorageTRES=gres/gpu and, for each kind, gres/gpu:<kind>.",
        _setting("accountingstoragetres", _has("gres/gpu")),
    ),
    Check(
        Level.WARNING,
        "the scheduler plans days ahead",
        "Most jobs that wait have no expected start.",
        "Set SchedulerParameters=bf_window=20160,bf_resolution=600 (minutes and seconds).",
        _setting("schedulerparameters", _looks_far_ahead),
    ),
)


def _both(facts: Facts, *tests: tuple[str, Callable[[str], bool]]) -> bool | None:
    return None if facts.settings is None else all(test(facts.settings.get(name, "")) for name, test in tests)
