"""What keeps a lab from starting, and what is said then."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from wutong.centre.engines.slurm.lab import checks
from wutong.centre.engines.slurm.lab.ports import FIRST, LAST, claim
from wutong.centre.engines.slurm.lab.problems import FolderUnfit, NeedsRoot, SlurmMissing, WrongNodeCount
from wutong.centre.engines.slurm.lab.spec import BLOCK_PORTS, LabSpec, Pool

SPEC = LabSpec(name="box", folder=Path("/var/tmp/box"), host="machine", pools=(Pool(nodes=8, accelerators={"ascend910b": 8}),))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as a lab does")


@needs_root
def test_missing_programs_are_named_with_the_command_that_installs_them(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(checks, "SBIN", ())
    with pytest.raises(SlurmMissing, match=r"slurmctld.*slurmdbd.*make setup-slurm"):
        checks.machine(SPEC)
    with pytest.raises(SlurmMissing) as without:
        checks.machine(replace(SPEC, accounting=False))
    assert "slurmdbd" not in str(without.value)
    assert "make setup-slurm" in checks.why_not(accounting=True, rest=True)


@needs_root
def test_others_than_root_are_told_so(tmp_path):
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            checks.machine(SPEC)
        except NeedsRoot:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.needs_slurm
@pytest.mark.parametrize("pools", [(Pool(nodes=1000),), (Pool(nodes=0),), (Pool(nodes=3), Pool(nodes=-1))])
def test_a_lab_has_room_for_so_many_nodes(pools):
    with pytest.raises(WrongNodeCount):
        checks.machine(replace(SPEC, pools=pools))


def test_a_closed_folder_is_refused_and_named(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "lab").mkdir()
    with pytest.raises(FolderUnfit, match="who cannot enter"):
        checks.folder(replace(SPEC, folder=closed / "lab"))
    assert checks.unreachable(Path("/var/tmp/not-there-yet/lab")) is None


def test_a_name_too_long_for_sockets_is_refused_and_says_by_how_much():
    longest = 107 - len("/var/tmp/" + "/spool/boxn8/boxn8_4294967295.4294967295")
    fits = Path("/var/tmp") / ("x" * longest)
    checks.folder(replace(SPEC, folder=fits))
    with pytest.raises(FolderUnfit, match="too long by 1 for"):
        checks.folder(replace(SPEC, folder=fits.with_name("x" * (longest + 1))))


@pytest.mark.parametrize("name", ["with space", "with,comma", "[1-3]", "梧桐", "per%cent"])
def test_a_name_that_slurm_would_read_otherwise_is_refused(name):
    with pytest.raises(FolderUnfit, match="Choose another name"):
        checks.folder(replace(SPEC, folder=Path("/var/tmp") / name))


def test_private_folders_and_tmp_do_not_go_together():
    below = replace(SPEC, folder=Path("/tmp/box"))
    checks.folder(below)
    with pytest.raises(FolderUnfit, match="under /var/tmp"):
        checks.folder(replace(below, private_tmp=True))


@needs_root
def test_blocks_of_ports_are_given_out_once():
    claims = [claim(4) for _ in range(3)]
    try:
        bases = [each.base for each in claims]
        assert len(set(bases)) == 3
        assert all(FIRST <= base <= LAST - BLOCK_PORTS and (base - FIRST) % BLOCK_PORTS == 0 for base in bases)
    finally:
        for each in claims:
            each.lock.close()
