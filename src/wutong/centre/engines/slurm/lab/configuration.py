"""The configuration files of a lab as text. Pure: the same spec gives the same text.

Each value was tried with Slurm 22.05; those that look odd say why.
"""

from itertools import groupby

from wutong.centre.engines.slurm.lab.spec import AI, LabSpec, Pool


def files(spec: LabSpec) -> dict[str, str]:
    """Return the text of every file that belongs into the folder of slurm.conf."""
    found = {"slurm.conf": slurm_conf(spec), "gres.conf": gres_conf(spec)}
    if spec.accounting:
        found["slurmdbd.conf"] = slurmdbd_conf(spec)
    if spec.cgroup:
        found["cgroup.conf"] = cgroup_conf(spec)
    if spec.private_tmp:
        found["job_container.conf"] = job_container_conf(spec)
    if spec.switch_size:
        found["topology.conf"] = topology_conf(spec)
    return found


def slurm_conf(spec: LabSpec) -> str:
    """Return slurm.conf: settings, then nodes, then partitions."""
    settings: dict[str, str | None] = {**_places(spec), **_daemons(spec), **_scheduling(spec), **_accounting(spec), **spec.settings}
    lines = [f"{key}={value}" for key, value in settings.items() if value is not None]
    return "\n".join([*lines, *_nodes(spec), *_partitions(spec)]) + "\n"


def _places(spec: LabSpec) -> dict[str, str | None]:
    folder = spec.folder
    return {
        "ClusterName": spec.name,
        "SlurmctldHost": f"{spec.host}(127.0.0.1)",  # the host's real name, or slurmctld says it is no valid controller
        "SlurmctldPort": str(spec.controller_port),
        "SlurmUser": "slurm",
        "CommunicationParameters": "NoInAddrAny,NoCtldInAddrAny",  # nothing listens beyond loopback
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={spec.munge_socket},cred_expire=5",  # with the 120 s of the default a requeued job waits that long
        "AuthAltTypes": "auth/jwt",
        "AuthAltParameters": f"jwt_key={spec.jwt_key}",
        "StateSaveLocation": f"{folder}/state",
        "SlurmctldPidFile": f"{folder}/run/slurmctld.pid",
        "SlurmctldLogFile": f"{folder}/log/slurmctld.log",
        "SlurmdSpoolDir": f"{folder}/spool/%n",
        "SlurmdPidFile": f"{folder}/run/slurmd-%n.pid",
        "SlurmdLogFile": f"{folder}/log/slurmd-%n.log",
    }


def _daemons(spec: LabSpec) -> dict[str, str | None]:
    return {
        "SlurmdParameters": "config_overrides",  # a node may claim more processors than this host has
        "SlurmctldParameters": "preempt_send_user_signal",  # or a preempted job hears nothing before it is killed
        "ProctrackType": "proctrack/cgroup" if spec.cgroup else "proctrack/linuxproc",
        "TaskPlugin": "task/cgroup" if spec.cgroup else "task/none",
        "JobAcctGatherType": _gather(spec),
        "JobContainerType": "job_container/tmpfs" if spec.private_tmp else None,
        "PrologFlags": "Contain" if spec.private_tmp else None,
        "MpiDefault": "none",
        "TopologyPlugin": "topology/tree" if spec.switch_size else None,
        "MailProg": "/bin/true",
        "PropagateResourceLimits": "NONE",  # the limits of whoever submits are not the job's
        "ReturnToService": "2",
        "SlurmdTimeout": "5",
        "MessageTimeout": "3",
        "KillWait": "3",
        "MaxJobCount": "50000",
        "MinJobAge": "600",  # ended jobs stay in the queue's listing for so long
        "EnforcePartLimits": "ALL",  # what can never run is refused, not queued
    }


def _gather(spec: LabSpec) -> str:
    if spec.cgroup:
        return "jobacct_gather/cgroup"
    return "jobacct_gather/linux" if spec.accounting else "jobacct_gather/none"


def _scheduling(spec: LabSpec) -> dict[str, str | None]:
    look_ahead = "bf_interval=5,bf_window=20160,bf_resolution=600,bf_max_job_test=2000"  # so that `squeue --start` knows every job's
    return {
        "GresTypes": "gpu" if spec.kinds else None,  # named gpu, or Slurm confines no devices and sets no variable
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "DefMemPerCPU": "100",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": f"batch_sched_delay=0,sched_interval=5,{look_ahead}",
        "PreemptType": "preempt/qos" if spec.accounting else "preempt/none",
        "PreemptMode": "REQUEUE" if spec.accounting else "OFF",
        "PriorityType": "priority/multifactor" if spec.accounting else "priority/basic",
        "PriorityCalcPeriod": "1" if spec.accounting else None,
        "PriorityWeightFairshare": "10000" if spec.accounting else None,
        "PriorityWeightAge": "1000" if spec.accounting else None,
        "PriorityWeightQOS": "100000" if spec.accounting else None,
    }


def _accounting(spec: LabSpec) -> dict[str, str | None]:
    if not spec.accounting:
        return {"AccountingStorageType": "accounting_storage/none"}
    return {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "127.0.0.1",
        "AccountingStoragePort": str(spec.accounting_port),
        "AccountingStoragePass": str(spec.munge_socket),  # the link to slurmdbd takes the munge socket from here
        "AccountingStorageTRES": ",".join(["gres/gpu", *(f"gres/gpu:{kind}" for kind in spec.kinds)]) if spec.kinds else None,
        "AccountingStorageEnforce": "associations,limits,qos,safe" if spec.enforce else None,
        "AccountingStoreFlags": "job_comment",
        "PrivateData": "jobs,usage,users,accounts",
    }


def _nodes(spec: LabSpec) -> list[str]:
    lines = []
    for pool, names in spec.pool_nodes():
        gres = ",".join(f"gpu:{kind}:{count}" for kind, count in pool.accelerators.items())
        ports = [spec.node_port(names[0]), spec.node_port(names[-1])]
        words = [
            f"NodeName={_range(spec, names)}",
            f"NodeHostname={spec.host}",
            "NodeAddr=127.0.0.1",
            f"Port={ports[0]}" if len(names) == 1 else f"Port=[{ports[0]}-{ports[1]}]",
            f"CPUs={pool.cpus}",
            f"RealMemory={pool.memory_mb}",
            *([f"Gres={gres}", f"Feature={','.join(pool.accelerators)}"] if gres else ["Feature=cpu"]),
            "State=UNKNOWN",
        ]
        lines.append(" ".join(words))
    return lines


def _partitions(spec: LabSpec) -> list[str]:
    def partition(pair: tuple[Pool, tuple[str, ...]]) -> str:
        return pair[0].partition

    pairs = sorted(spec.pool_nodes(), key=partition)
    grouped = {name: [node for _, names in group for node in names] for name, group in groupby(pairs, key=partition)}
    first = AI if AI in grouped else next(iter(grouped))
    return [
        f"PartitionName={name} Nodes={','.join(nodes)} Default={'YES' if name == first else 'NO'} MaxTime=14-0 DefaultTime=60 State=UP"
        for name, nodes in grouped.items()
    ]


def _range(spec: LabSpec, names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    prefix = f"{spec.name}n"
    return f"{prefix}[{names[0].removeprefix(prefix)}-{names[-1].removeprefix(prefix)}]"


def gres_conf(spec: LabSpec) -> str:
    """Return gres.conf. Slurm 22.05 drops a gpu that has no file, so each has one; all nodes of a lab share the files, being one host."""
    lines = ["AutoDetect=off"]
    for pool, names in spec.pool_nodes():
        lines += [f"NodeName={_range(spec, names)} Name=gpu Type={kind} File={_files(spec, numbers)}" for kind, numbers in pool.numbers()]
    return "\n".join(lines) + "\n"


def _files(spec: LabSpec, numbers: range) -> str:
    stem = f"{spec.folder}/dev/gpu"
    return f"{stem}{numbers[0]}" if len(numbers) == 1 else f"{stem}[{numbers[0]}-{numbers[-1]}]"


def topology_conf(spec: LabSpec) -> str:
    """Return topology.conf: leaves of a few nodes each, and one switch above them."""
    size, names = spec.switch_size, spec.node_names
    leaves = [names[first : first + size] for first in range(0, len(names), size)]
    lines = [f"SwitchName=leaf{number} Nodes={','.join(below)}" for number, below in enumerate(leaves, 1)]
    return "\n".join([*lines, f"SwitchName=core Switches=leaf[1-{len(leaves)}]"]) + "\n"


def slurmdbd_conf(spec: LabSpec) -> str:
    """Return slurmdbd.conf."""
    settings = {
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={spec.munge_socket}",
        "AuthAltTypes": "auth/jwt",
        "AuthAltParameters": f"jwt_key={spec.jwt_key}",
        "CommunicationParameters": "NoInAddrAny",
        "DbdHost": spec.host,
        "DbdAddr": "127.0.0.1",
        "DbdPort": str(spec.accounting_port),
        "SlurmUser": "slurm",
        "PidFile": f"{spec.folder}/run/slurmdbd.pid",
        "LogFile": f"{spec.folder}/log/slurmdbd.log",
        "PrivateData": "jobs,usage,users,accounts",  # repeated here, or anyone lists everyone's associations
        "StorageType": "accounting_storage/mysql",
        "StorageHost": "127.0.0.1",
        "StoragePort": str(spec.database_port),
        "StorageUser": "slurm",
        "StoragePass": "slurm",
        "StorageLoc": "acct",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def cgroup_conf(spec: LabSpec) -> str:
    """Return cgroup.conf: memory and processors confined, devices where there are files to confine."""
    devices = "yes" if spec.devices == "own" else "no"
    return f"CgroupAutomount=no\nCgroupPlugin=autodetect\nConstrainCores=no\nConstrainRAMSpace=yes\nConstrainDevices={devices}\n"


def job_container_conf(spec: LabSpec) -> str:
    """Return job_container.conf: a /tmp of its own for each job. %n is not expanded there, so each node has a line."""
    return "".join(f"NodeName={node} AutoBasePath=true BasePath={spec.folder}/private/{node}\n" for node in spec.node_names)
