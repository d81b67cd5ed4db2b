"""Reading sacctmgr: the text is what Slurm 22.05.8 printed."""

import pytest
from tests.centre.engines.slurm.tenants import captured

from wutong.centre.engines.slurm.tenants import parse
from wutong.centre.engines.slurm.tenants.rules import Noun


@pytest.fixture
def seen():
    return parse.seen_state("tx", qos=captured.QOS, accounts=captured.ACCOUNTS, associations=captured.NESTED)


def test_a_slurm_without_nested_sets_tells_the_same(seen):
    listings = {"accounts": captured.ACCOUNTS, "associations": captured.ASSOCIATIONS, "parents": captured.PARENTS}
    assert parse.seen_state("tx", qos=captured.QOS, **listings) == seen


def test_a_qos_with_everything(seen):
    assert seen.find(Noun.QOS, "wutong-normal").settings == {
        "priority": "100",
        "gracetime": "30",
        "preempt": "wutong-idle",
        "preemptmode": "cluster",
        "flags": "DenyOnLimit",
        "usagefactor": "0.250000",
        "maxwall": "480",
        "maxjobsperuser": "2",
        "maxsubmitjobsperuser": "4",
        "maxtresperuser:cpu": "32",
        "maxtresperuser:gres/gpu": "2",
        "description": "wutong service class normal",
    }
    assert seen.find(Noun.QOS, "wutong-idle").settings["gracetime"] == str(100_000)


def test_an_account_with_everything(seen):
    assert seen.find(Noun.ACCOUNT, "wutong-t2").settings == {
        "parent": "wutong",
        "organization": "wutong",
        "description": "北京 (x) -y_z.",
        "fairshare": "7",
        "grpjobs": "30",
        "grpsubmitjobs": "500",
        "grptres:cpu": "8",
        "grptres:gres/gpu": "16",
        "grptresmins:gres/gpu": "5000",
        "qos": "wutong-idle",
        "defaultqos": "wutong-idle",
    }
    assert seen.find(Noun.ACCOUNT, "wutong-t2.p").settings["fairshare"] == "parent"


def test_bars_and_line_ends_in_foreign_descriptions_do_no_harm(seen):
    assert seen.find(Noun.ACCOUNT, "wutong-t1").settings["description"] == "武汉大学 `x|y`"
    assert seen.find(Noun.ACCOUNT, "physics").settings["organization"] == "site"
    assert seen.find(Noun.ACCOUNT, "physics").settings["description"] == "dept. of"
    assert len(seen.of(Noun.ACCOUNT)) == 6


def test_an_account_of_other_clusters_only_has_no_place_here(seen):
    assert "parent" not in seen.find(Noun.ACCOUNT, "root").settings
    here = "\n".join(line for line in captured.NESTED.splitlines() if not line.startswith("physics"))
    without = parse.seen_state("tx", qos="", accounts=captured.ACCOUNTS, associations=here)
    assert "parent" not in without.find(Noun.ACCOUNT, "physics").settings


def test_an_association_for_one_partition_is_another_thing(seen):
    assert seen.find(Noun.ASSOCIATION, "wtx2", "wutong-t2.p").settings == {"fairshare": "1"}
    assert seen.find(Noun.ASSOCIATION, "bob", "wutong-t2.p") is None
    assert seen.find(Noun.ASSOCIATION, "bob", "wutong-t2.p", "ai") is not None


def test_what_jobs_use():
    used = parse.busy(captured.USE)
    assert used.accounts == {"wutong-t2.p"}
    assert used.qos == {"wutong-idle"}
    assert parse.busy("") == parse.Busy()


def test_nothing_there():
    assert parse.seen_state("tx", qos="", accounts="", associations="").things == {}


@pytest.mark.parametrize(("text", "expected"), [("08:00:00", "480"), ("1-00:00:00", "1440"), ("00:00:59", "0"), ("14-03:46:40", "20386")])
def test_times(text, expected):
    assert parse.minutes(text) == expected
