"""What ranks are told of each other, and how a node's devices are shared out."""

import socket

import pytest

from wutong.centre.engines import ranks
from wutong.centre.engines.ranks import Layout

NODES = ["10.0.0.1", "10.0.0.2"]


def layout(launch="rank", node=1, processes=4):
    return Layout(NODES, node=node, processes=processes, launch=launch, port=20042, name="wt-job-1", hostfile="/tmp/wutong-hosts")


def test_a_rank_is_told_its_place_as_torch_reads_it():
    told = {**ranks.variables(layout()), **ranks.own_variables(layout(), 2, {})}
    wanted = {
        "RANK": "6",
        "LOCAL_RANK": "2",
        "NODE_RANK": "1",
        "WORLD_SIZE": "8",
        "LOCAL_WORLD_SIZE": "4",
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "20042",
    }
    assert wanted.items() <= told.items()


def test_a_rank_is_told_its_place_as_mpi_and_mindspore_read_it():
    told = ranks.own_variables(layout(), 2, {})
    mpi = {"OMPI_COMM_WORLD_RANK": "6", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "2", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"}
    mindspore = {"MS_WORKER_NUM": "8", "MS_NODE_ID": "6", "MS_ROLE": "MS_WORKER", "MS_SCHED_HOST": "10.0.0.1", "MS_SCHED_PORT": "20042"}
    assert {**mpi, **mindspore, "PMI_RANK": "6", "PMI_SIZE": "8"}.items() <= told.items()


def test_a_launcher_on_each_node_is_told_what_torchrun_reads_and_leaves_the_ranks_to_it():
    told = {**ranks.variables(layout("node")), **ranks.own_variables(layout("node"), 0, {"CUDA_VISIBLE_DEVICES": "0,1,2,3"})}
    torchrun = {"PET_NNODES": "2", "PET_NPROC_PER_NODE": "4", "PET_NODE_RANK": "1", "PET_RDZV_BACKEND": "c10d", "PET_RDZV_ENDPOINT": "10.0.0.1:20042"}
    assert {**torchrun, "PET_RDZV_ID": "wt-job-1", "RANK": "1", "WORLD_SIZE": "2", "WUTONG_WORLD_SIZE": "8"}.items() <= told.items()
    assert not {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "MS_ROLE", "CUDA_VISIBLE_DEVICES"} & set(told)


def test_who_is_started_once_waits_for_no_other_node():
    told = {**ranks.variables(layout("once", node=0)), **ranks.own_variables(layout("once", node=0), 0, {})}
    assert {"PET_NNODES": "1", "PET_NPROC_PER_NODE": "4"}.items() <= told.items()
    assert "RANK" not in told


@pytest.mark.parametrize(
    ("devices", "processes", "shares"),
    [
        (["2", "3"], 2, [["2"], ["3"]]),
        (["0", "1", "2", "3"], 2, [["0", "1"], ["2", "3"]]),
        (["0", "1", "2"], 2, [["0", "1", "2"]] * 2),
        (["0"], 2, [["0"]] * 2),
        ([], 2, [[], []]),
    ],
)
def test_devices_are_shared_out_where_they_divide(devices, processes, shares):
    assert [ranks.share(devices, local, processes) for local in range(processes)] == shares


def test_each_rank_sees_its_own_devices():
    told = [ranks.own_variables(layout(processes=2), local, {"ASCEND_RT_VISIBLE_DEVICES": "4,5"}) for local in range(2)]
    assert [each["ASCEND_RT_VISIBLE_DEVICES"] for each in told] == ["4", "5"]


def test_the_hostfile_is_one_that_mpirun_reads():
    assert ranks.hostfile(layout()) == "10.0.0.1 slots=4\n10.0.0.2 slots=4\n"


def test_a_port_that_is_taken_is_passed_over():
    first = ranks.free_port(7)
    with socket.create_server(("127.0.0.1", first)):
        assert ranks.free_port(first - ranks.FIRST_PORT) != first


@pytest.mark.parametrize(("launch", "nodes", "processes", "told"), [("once", 1, 1, False), ("once", 1, 8, True), ("node", 1, 1, True)])
def test_plain_runs_are_told_nothing(launch, nodes, processes, told):
    assert ranks.is_told(launch, nodes=nodes, processes=processes) is told
