"""The command lines: what they say, and that nothing of a tenant's gets to say more."""

import subprocess
from dataclasses import replace

from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm import commands
from wutong.centre.engines.slurm.config import Placement

SPEC = RunSpec(name="centre-7-1", tenant="t", argv=("train",), slots=2, cpus=8, memory_mb=4096, time_limit_s=61, grace_s=30, nodes=2, priority=3)


def line(spec=SPEC, placement=None, **changes):
    given = {"user": "200001", "group": 200001, "script": "/shared/batch", "arguments": ("/runs/x", "/told/x", "0"), **changes}
    return commands.submit(spec, placement=placement or Placement(partition="ai", gres="gpu:ascend910b"), **given)


def test_submits_held_under_the_runs_name_for_the_tenants_user():
    found = line()
    assert found[0] == "sbatch"
    assert {"--hold", "--requeue", "--job-name=centre-7-1", "--uid=200001", "--gid=200001", "--parsable"} <= set(found)
    assert {"--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=8", "--mem=4096M", "--gres=gpu:ascend910b:2", "--partition=ai"} <= set(found)
    assert found[-4:] == ["/shared/batch", "/runs/x", "/told/x", "0"]


def test_slurms_own_limit_lies_behind_the_runners():
    assert "--time=3" in line()  # 61 + 30 + 60 s, in whole minutes


def test_a_run_without_accelerators_asks_for_none():
    assert not [part for part in line(RunSpec(name="n", tenant="t", argv=("x",), slots=0)) if part.startswith("--gres")]


def test_a_higher_priority_is_less_nice_and_never_outbids_anybody_by_much():
    def nice(priority):
        (found,) = [part for part in line(RunSpec(name="n", tenant="t", argv=("x",), priority=priority)) if part.startswith("--nice=")]
        return int(found.removeprefix("--nice="))

    levels = [nice(priority) for priority in (10**9, 10, 3, 0, -10, -(10**9))]
    assert levels == [0, 0, 35, 50, 100, 100]


def test_account_and_class_are_given_where_they_are_known():
    found = line(placement=Placement(account="lab-t", qos="lab-urgent"))
    assert {"--account=lab-t", "--qos=lab-urgent"} <= set(found)
    assert not [part for part in line() if part.startswith(("--account", "--qos"))]


def test_several_nodes_are_wanted_below_one_switch_for_as_long_as_may_be_waited():
    near = Placement(switch_wait_s=150)
    assert "--switches=1@2:30" in line(placement=near)
    alone = line(replace(SPEC, nodes=1), placement=near)
    assert not [part for part in [*line(), *alone] if part.startswith("--switches")]


def test_who_submits_for_itself_names_no_user():
    assert not [part for part in line(user=None, group=None) if part.startswith(("--uid", "--gid"))]


def test_each_line_of_the_queue_ends_in_the_mark():
    fields = commands.queue("~mark")[-1].split(",")
    assert fields[-1] == "Name:0~mark"
    assert all(field.endswith(":0|") for field in fields[:-1])


def test_cancelling_what_waits_spares_what_has_begun():
    assert commands.cancel_waiting(["1", "2"]) == ["scancel", "--state=PENDING", "1", "2"]


def test_the_script_takes_any_folder():
    text = commands.script("/usr/bin/python3", "/a 'quoted' \"path\"\\")
    assert text.startswith("#!/usr/bin/python3 -ISE\n")
    compile(text, "script", "exec")


def test_the_script_has_nothing_of_the_run_in_it(tmp_path):
    """The batch script of all runs is one file; what differs are its arguments."""
    (tmp_path / "s").write_text("#!/bin/sh\nprintf '%s|' \"$@\"\n")
    (tmp_path / "s").chmod(0o755)
    arguments = line(arguments=("/runs/$(touch evil)", "; true", "0"))[-3:]
    done = subprocess.run([tmp_path / "s", *arguments], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "/runs/$(touch evil)|; true|0|"
    assert not (tmp_path / "evil").exists()
