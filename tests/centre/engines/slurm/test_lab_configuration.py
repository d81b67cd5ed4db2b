"""A lab's configuration files, as text."""

from dataclasses import replace
from pathlib import Path

import pytest

from wutong.centre.engines.slurm.lab import configuration
from wutong.centre.engines.slurm.lab.spec import LabSpec, Pool, parse_accelerators

SPEC = LabSpec(
    name="box",
    folder=Path("/var/tmp/box"),
    host="machine",
    base_port=10240,
    pools=(
        Pool(nodes=4, accelerators={"ascend910b": 8}),
        Pool(nodes=1, accelerators={"a100": 1, "l40s": 2}, cpus=16, memory_mb=32000),
        Pool(nodes=2, partition="hpc"),
    ),
)


def settings(text):
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith(("NodeName", "PartitionName")))


def test_nodes_are_numbered_through_and_have_ports_of_their_own():
    nodes = [line.split(" ", 4) for line in configuration.slurm_conf(SPEC).splitlines() if line.startswith("NodeName")]
    here = ["NodeHostname=machine", "NodeAddr=127.0.0.1"]
    assert nodes == [
        ["NodeName=boxn[1-4]", *here, "Port=[10248-10251]", "CPUs=32 RealMemory=64000 Gres=gpu:ascend910b:8 Feature=ascend910b State=UNKNOWN"],
        ["NodeName=boxn5", *here, "Port=10252", "CPUs=16 RealMemory=32000 Gres=gpu:a100:1,gpu:l40s:2 Feature=a100,l40s State=UNKNOWN"],
        ["NodeName=boxn[6-7]", *here, "Port=[10253-10254]", "CPUs=32 RealMemory=64000 Feature=cpu State=UNKNOWN"],
    ]
    ports = [SPEC.controller_port, SPEC.accounting_port, SPEC.database_port, SPEC.rest_port, *map(SPEC.node_port, SPEC.node_names)]
    assert len(set(ports)) == len(ports)


def test_pools_share_partitions_and_ai_is_the_default():
    partitions = [line for line in configuration.slurm_conf(SPEC).splitlines() if line.startswith("PartitionName")]
    assert [line.split()[:3] for line in partitions] == [
        ["PartitionName=ai", "Nodes=boxn1,boxn2,boxn3,boxn4,boxn5", "Default=YES"],
        ["PartitionName=hpc", "Nodes=boxn6,boxn7", "Default=NO"],
    ]
    only_hpc = replace(SPEC, pools=(Pool(nodes=1, partition="hpc"),))
    assert "PartitionName=hpc Nodes=boxn1 Default=YES" in configuration.slurm_conf(only_hpc)


def test_every_accelerator_has_a_file_and_a_number_of_its_own_on_its_node():
    assert configuration.gres_conf(SPEC).splitlines() == [
        "AutoDetect=off",
        "NodeName=boxn[1-4] Name=gpu Type=ascend910b File=/var/tmp/box/dev/gpu[0-7]",
        "NodeName=boxn5 Name=gpu Type=a100 File=/var/tmp/box/dev/gpu0",
        "NodeName=boxn5 Name=gpu Type=l40s File=/var/tmp/box/dev/gpu[1-2]",
    ]


def test_switches_hold_so_many_nodes_each():
    assert "topology.conf" not in configuration.files(SPEC)
    assert "TopologyPlugin" not in settings(configuration.slurm_conf(SPEC))
    found = configuration.files(replace(SPEC, switch_size=3))
    assert settings(found["slurm.conf"])["TopologyPlugin"] == "topology/tree"
    assert found["topology.conf"].splitlines() == [
        "SwitchName=leaf1 Nodes=boxn1,boxn2,boxn3",
        "SwitchName=leaf2 Nodes=boxn4,boxn5,boxn6",
        "SwitchName=leaf3 Nodes=boxn7",
        "SwitchName=core Switches=leaf[1-3]",
    ]


def test_accounting_is_left_out_whole():
    alone = replace(SPEC, accounting=False)
    assert set(configuration.files(SPEC)) - set(configuration.files(alone)) == {"slurmdbd.conf"}
    text = settings(configuration.slurm_conf(alone))
    assert text["AccountingStorageType"] == "accounting_storage/none"
    assert text["PreemptMode"] == "OFF"
    assert not [key for key in text if key.startswith("PriorityWeight")]


def test_accounting_counts_each_kind_and_enforces_unless_told_otherwise():
    text = settings(configuration.slurm_conf(SPEC))
    assert text["AccountingStorageTRES"] == "gres/gpu,gres/gpu:a100,gres/gpu:ascend910b,gres/gpu:l40s"
    assert text["AccountingStorageEnforce"] == "associations,limits,qos,safe"
    assert text["PreemptType"] == "preempt/qos"
    assert "AccountingStorageEnforce" not in settings(configuration.slurm_conf(replace(SPEC, enforce=False)))
    assert f"DbdPort={text['AccountingStoragePort']}" in configuration.slurmdbd_conf(SPEC)


def test_a_cluster_without_accelerators_knows_no_gres():
    text = configuration.slurm_conf(replace(SPEC, pools=(Pool(nodes=2),)))
    assert "Gres" not in text
    assert "AccountingStorageTRES" not in text


def test_control_groups_and_private_folders_bring_files_of_their_own():
    confined = replace(SPEC, cgroup=True, devices="own", private_tmp=True)
    files = configuration.files(confined)
    assert settings(files["slurm.conf"])["ProctrackType"] == "proctrack/cgroup"
    assert "ConstrainDevices=yes" in files["cgroup.conf"]
    assert "ConstrainDevices=no" in configuration.cgroup_conf(replace(confined, devices="links"))
    assert len(files["job_container.conf"].splitlines()) == len(SPEC.node_names)


def test_settings_are_changed_added_and_left_out():
    changed = replace(SPEC, settings={"KillWait": "30", "Prolog": "/bin/true", "MailProg": None})
    before, after = settings(configuration.slurm_conf(SPEC)), settings(configuration.slurm_conf(changed))
    assert (before["KillWait"], after["KillWait"]) == ("3", "30")
    assert after["Prolog"] == "/bin/true"
    assert "MailProg" not in after


def test_a_spec_comes_back_as_it_was_written_down():
    assert LabSpec.from_json(SPEC.as_json()) == SPEC


@pytest.mark.parametrize(
    ("text", "pool"),
    [
        ("4xascend910b:8", Pool(nodes=4, accelerators={"ascend910b": 8}, cpus=16)),
        ("2xa100:4+l40s:2@mixed", Pool(nodes=2, accelerators={"a100": 4, "l40s": 2}, cpus=16, partition="mixed")),
        ("3xcpu@hpc", Pool(nodes=3, cpus=16, partition="hpc")),
    ],
)
def test_pools_are_read(text, pool):
    assert Pool.parse(text, cpus=16) == pool


@pytest.mark.parametrize("text", ["", "ascend910b:8", "4x", "4xascend910b", "4xascend910b:0", "4xGPU:8", "4xa:1@", "-1xcpu", "2xa:1 b:2"])
def test_what_is_no_pool_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write <"):
        Pool.parse(text)


def test_accelerators_are_read():
    assert parse_accelerators("a100:4+l40s:2") == {"a100": 4, "l40s": 2}
