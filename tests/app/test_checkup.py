"""`wutong doctor` about clusters: findings by level, and what a cluster that is away comes to."""

import pytest

from wutong.app.checkup import check_cluster, told
from wutong.centre.engines.slurm.checkup.rules import Finding, Level
from wutong.centre.engines.slurm.lab.checks import why_not
from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.kit.settings import Settings, SlurmCluster


@pytest.mark.parametrize(
    ("level", "ok", "label"), [("holds", True, "ok"), ("warning", True, "warn"), ("open", False, "BAD"), ("unknown", False, "?")]
)
def test_each_level_has_its_word(level, ok, label):
    check = told("slurm", Finding(Level(level), "walls stand", "They fell.", "Build them."))
    assert (check.ok, check.label, check.name) == (ok, label, "cluster slurm")
    assert check.detail == ("walls stand" if level == "holds" else "walls stand: They fell. Build them.")


def test_of_a_cluster_that_is_not_there_nothing_is_known(tmp_path):
    cluster = SlurmCluster(conf=tmp_path / "slurm.conf", root=tmp_path)
    (found,) = check_cluster(Settings(home=tmp_path), cluster, [])
    assert (found.ok, found.label) == (False, "?")
    assert "slurm.conf is not there" in found.detail


@pytest.mark.needs_slurm
@pytest.mark.skipif(bool(why_not(accounting=False, rest=False)), reason=str(why_not(accounting=False, rest=False)))
def test_a_live_cluster_is_judged(tmp_path):
    with Lab.start(nodes=1, accounting=False) as lab:
        cluster = SlurmCluster(conf=lab.slurm_conf, root=tmp_path, accounts=False)
        found = check_cluster(Settings(home=tmp_path), cluster, ["ten_nobody"])
        lab.kill("slurmctld")
        (away,) = check_cluster(Settings(home=tmp_path), cluster, [])
    assert (away.ok, away.label) == (False, "?")
    assert {"BAD", "ok"} <= {check.label for check in found}
    assert "no tenant has a UNIX user yet" in found[-1].detail
