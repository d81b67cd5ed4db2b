"""What is said of a cluster: of captured settings (Slurm 22.05.8), and of a live one whose settings are known."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from wutong.centre.engines.slurm.checkup import examine, read, witness
from wutong.centre.engines.slurm.checkup.configuration import APART, SERVICE
from wutong.centre.engines.slurm.checkup.places import NODE_CHECKS
from wutong.centre.engines.slurm.checkup.rules import Facts, Host, Level, Partition, Probe
from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.transport import Transport

CAPTURED = Path(__file__).with_name("captured")
NEEDS_CGROUPS = ("no process outlives its job", "a job gets no more memory than it asked for", "a job opens no accelerators but its own")
SAW = {
    "uid": 263001,
    "groups": [263001],
    "python": "3.11.2",
    "time": 0.0,
    "strangers": 0,
    "root_listed": False,
    "root_written": False,
    "home_written": True,
    "secrets_read": [],
    "links_protected": True,
    "mounts": ["/", "/tmp"],
    "processes": 4096,
    "suspicious": [],
    "bubblewrap": "",
    "privileges": True,
    "listings": [],
}


def text(name):
    return (CAPTURED / f"{name}.txt").read_text()


@pytest.fixture
def facts():
    """A cluster that confines what can be confined, as it was captured."""
    return Facts(
        settings=read.settings(text("config-with-cgroups")),
        accounting=read.accounting_settings(text("accounting")),
        partitions=read.partitions(text("partitions")),
        nodes=read.nodes(text("nodes")),
        powers={},
        host=Host({"/etc/munge/munge.key": 0o600}, 0o711, 0),
        probes={"n1": Probe(SAW, 263001), "n2": Probe(SAW, 263001)},
    )


def wrong(facts):
    return {finding.what: finding for finding in examine.judge(facts) if finding.level is not Level.HOLDS}


def test_a_cluster_that_confines(facts):
    """All it lacks is what the captured one lacked: ConstrainCores, ExclusiveUser."""
    network = "a training over several nodes has its nodes' network to itself"
    assert set(wrong(facts)) == {"a job uses no more processors than it asked for", network}
    alone = tuple(dataclasses.replace(partition, alone=True) for partition in facts.partitions)
    assert network not in wrong(dataclasses.replace(facts, partitions=alone))
    assert network not in wrong(dataclasses.replace(facts, nodes=facts.nodes[:1]))


def test_a_cluster_without_cgroups(facts):
    found = wrong(dataclasses.replace(facts, settings=read.settings(text("config-without-cgroups"))))
    assert {what for what, finding in found.items() if finding.level is Level.OPEN} == {*NEEDS_CGROUPS}
    assert "Set ProctrackType=proctrack/cgroup." in str(found["no process outlives its job"])


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("privatedata", "jobs,usage", "the controller hides jobs and usage from other tenants"),
        ("accountingstorageenforce", "associations", "jobs need an account of their own tenant, a class it may use, and room under its limits"),
        ("accountingstorageenforce", "associations,limits,qos", "a job that could overrun its budget does not start"),
        ("enforcepartlimits", "NO", "an impossible job is refused at once"),
        ("taskplugin", "task/affinity", "a job gets no more memory than it asked for"),
        ("slurmuser", "root(0)", "Slurm's daemon is not root"),
        ("slurmctldparameters", "preempt_send_user_signal,allow_user_triggers", "tenants set no triggers"),
        ("slurmctldparameters", "", "a preempted job is told before it is ended"),
        ("prioritytype", "priority/basic", "shares decide who is next"),
        ("priorityweightfairshare", "0", "shares decide who is next"),
        ("prioritycalcperiod", "00:05:00", "shares are counted again every minute"),
        ("priorityweightage", "5000", "long waits do not outweigh shares"),
        ("preemptmode", "CANCEL", "urgent work may take the place of work that yields"),
        ("jobrequeue", "0", "jobs may be requeued"),
        ("authinfo", "socket=/run/munge/munge.socket.2", "a requeued job starts again soon"),
        ("authinfo", "cred_expire=120", "a requeued job starts again soon"),
        ("minjobage", "2 sec", "ended jobs stay in the controller's list for a while"),
        ("killwait", "300 sec", "a job that is killed has time to end"),
        ("slurmdtimeout", "3000 sec", "a dead node is noticed within minutes"),
        ("propagateresourcelimits", "ALL", "the limits of whoever submits are not the job's"),
        ("accountingstoragetres", "cpu,mem", "accelerators are accounted for"),
        ("schedulerparameters", "", "the scheduler plans days ahead"),
        ("prologflags", "Alloc", "each job has a /tmp and /dev/shm of its own"),
    ],
)
def test_each_setting_is_noticed(facts, setting, value, what):
    assert what not in wrong(facts)
    assert what in wrong(dataclasses.replace(facts, settings={**facts.settings, setting: value}))


def test_what_slurmdbd_tells_is_its_own(facts):
    """`sacctmgr show config` begins with what the client believes, PrivateData included."""
    told = text("accounting").replace("PrivateData            = accounts,jobs,usage,users", "PrivateData            = none")
    found = wrong(dataclasses.replace(facts, accounting=read.accounting_settings(told)))
    assert found["the accounting hides jobs and accounts from other tenants"].level is Level.OPEN


@pytest.mark.parametrize(
    ("saw", "what"),
    [
        ({"uid": 0}, "a job runs as its tenant's UNIX user, in no group of others"),
        ({"groups": [0, 263001]}, "a job runs as its tenant's UNIX user, in no group of others"),
        ({"bubblewrap": "bubblewrap is not installed"}, "jobs run in the sandbox"),
        ({"root_listed": True}, "a tenant cannot list or write the folder of all tenants"),
        ({"root_written": True}, "a tenant cannot list or write the folder of all tenants"),
        ({"secrets_read": ["/etc/munge/munge.key"]}, "no secret of the cluster can be read"),
        ({"home_written": False}, "a tenant can write its own folder"),
        ({"strangers": 7}, "other users' processes are hidden"),
        ({"links_protected": False}, "the kernel protects against links to others' files"),
        ({"mounts": ["/"]}, "a job has a /tmp of its own"),
        ({"processes": -1}, "a tenant cannot start processes without end"),
        ({"suspicious": ["DB_PASSWORD"]}, "no secrets are in a job's environment"),
        ({"python": "3.8.10"}, "Python is 3.9 or newer"),
        ({"privileges": False}, "setpriv is there"),
        ({"listings": ["sacctmgr -n -P show transactions"]}, "Slurm's listings that hide nothing are out of reach"),
    ],
)
def test_each_thing_seen_on_a_node_is_noticed_and_placed(facts, saw, what):
    found = wrong(dataclasses.replace(facts, probes={**facts.probes, "n3": Probe({**SAW, **saw}, 263001)}))
    assert what not in wrong(facts)
    assert found[what].where.startswith("n3")


def test_a_clock_is_only_wrong_by_more_than_the_asking_took(facts):
    assert "the clock is right" in wrong(dataclasses.replace(facts, probes={"n1": Probe(SAW, 263001, skew_s=5)}))
    assert "the clock is right" not in wrong(dataclasses.replace(facts, probes={"n1": Probe(SAW, 263001, skew_s=0.5)}))


def test_many_nodes_are_one_finding(facts):
    bad = Probe({**SAW, "strangers": 3}, 263001)
    found = wrong(dataclasses.replace(facts, probes={f"n{number}": bad for number in range(9)}))
    assert found["other users' processes are hidden"].where == "n0, n1, n2, n3, n4 and 4 more: 3 seen"


def test_what_was_not_looked_at_is_unknown_not_well():
    found = examine.judge(Facts(probes={"n1": "n1 is down"}))
    assert {finding.level for finding in found} == {Level.UNKNOWN}
    assert len(found) >= len(APART) + len(SERVICE)
    assert "No job could be run there: n1 is down." in found[-1].why


def test_partitions_powers_and_files(facts):
    found = wrong(
        dataclasses.replace(
            facts,
            partitions=(Partition("batch", "ALL", "ALL"), Partition("theirs", "physics", "ALL")),
            powers=read.powers("root|Administrator|\nhpc-a|None|wutong\nhpc-b|Operator|\nhpc-c|None|\n"),
            host=Host({"/etc/slurm/jwt.key": 0o640}, 0o755, 0),
        )
    )
    assert found["no partition is fenced off for some tenants"].where == "theirs"
    assert found["no tenant's user may change the accounting"].where == "root (Administrator), hpc-a (coordinator of wutong), hpc-b (Operator)"
    assert found["only their owners read the cluster's keys and passwords on this host"].where == "/etc/slurm/jwt.key (mode 640)"
    assert found["the folder of all tenants belongs to root and can only be passed"].where == "mode 755, owner 0"


def test_accelerators_by_another_name_are_not_confined(facts):
    nodes = read.nodes(text("nodes").replace("Gres=gpu:ascend910b:8", "Gres=npu:8(S:0-1)"))
    assert "accelerators are known to Slurm under the name gpu" in wrong(dataclasses.replace(facts, nodes=nodes))


def test_nodes_and_partitions_are_read():
    assert [(node.name, node.resources, node.state, node.partition) for node in read.nodes(text("nodes"))] == [
        ("tyn1", "gpu:ascend910b:8", "IDLE", "ai"),
        ("tyn2", "gpu:ascend910b:8", "IDLE", "ai"),
    ]
    assert read.partitions(text("partitions")) == (Partition("batch", "ALL", "ALL"),)


@pytest.mark.parametrize(("told", "expected"), [("30 sec", 30), ("00:05:00", 300), ("1-00:00:01", 86401), ("INFINITE", None), ("", None)])
def test_lengths_of_time(told, expected):
    assert read.seconds(told) == expected


def test_every_rule_says_what_to_do():
    for check in (*APART, *SERVICE, *NODE_CHECKS):
        assert check.fix.endswith(".")
        assert check.why.endswith(".")
        assert check.what[0].islower() or check.what.startswith(("Python", "Slurm"))


def test_the_worst_comes_first(facts):
    levels = [finding.level for finding in examine.judge(dataclasses.replace(facts, settings=read.settings(text("config-without-cgroups"))))]
    assert levels == sorted(levels, key=[Level.OPEN, Level.UNKNOWN, Level.WARNING, Level.HOLDS].index)


def test_the_witness_runs_by_itself(tmp_path):
    asked = {"root": str(tmp_path), "home": str(tmp_path), "secrets": [str(tmp_path / "none")], "bubblewrap": ""}
    source = Path(witness.__file__).read_text()
    done = subprocess.run([sys.executable, "-I", "-c", source, json.dumps(asked)], capture_output=True, text=True, check=True)
    saw = json.loads(done.stdout)
    assert set(saw) == set(SAW)
    assert (saw["root_listed"], saw["root_written"], saw["secrets_read"]) == (True, True, [])
    assert saw["bubblewrap"] == "bubblewrap is not installed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs_slurm
def test_a_live_cluster(tenants_lab, settled, shared_root):
    """The lab's own settings: what it keeps apart, what it does not, and what a tenant's job sees there."""
    home = shared_root / "good" / "home"
    transport = Transport(tenants_lab.slurm_conf, limit_s=30)
    seen = examine.Witness(settled.identities.ensure("good"), names.tenant_account(settled.centre, "good"), home)
    nodes = tenants_lab.node_names[:2]
    found = examine.examine(transport, root=shared_root, is_tenants_user=settled.identities.is_ours, witness=seen, nodes=nodes)
    by_name = {finding.what: finding for finding in found}
    assert Level.UNKNOWN not in {finding.level for finding in found}, [str(finding) for finding in found if finding.level is Level.UNKNOWN]
    cannot = () if tenants_lab.spec.cgroup else NEEDS_CGROUPS
    assert {finding.what for finding in found if finding.level is Level.OPEN} == {*cannot}
    assert by_name["Slurm's listings that hide nothing are out of reach"].level is Level.WARNING
    assert by_name["a job runs as its tenant's UNIX user, in no group of others"].level is Level.HOLDS
    assert by_name["a tenant can write its own folder"].level is Level.HOLDS
    assert not [path for path in home.iterdir() if "doctor" in path.name]


@pytest.mark.needs_slurm
def test_a_witness_that_cannot_run_leaves_it_unknown(tenants_lab, settled):
    transport = Transport(tenants_lab.slurm_conf, limit_s=30)
    nobody = examine.Witness(settled.identities.ensure("good"), "no-such-account", Path("/nowhere"))
    found = examine.examine(transport, root=None, is_tenants_user=lambda user: False, witness=nobody, nodes=tenants_lab.node_names[:1])
    [unknown] = [finding for finding in found if finding.level is Level.UNKNOWN]
    assert "nvalid account" in unknown.why
