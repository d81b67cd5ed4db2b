"""Names on the cluster: unharmed, apart, and the same for good."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.engines.slurm.tenants import names


@pytest.mark.parametrize("text", ["ten_01k3m5", "a", "lab-2"])
def test_plain_names_stay_as_they_are(text):
    assert names.slug(text) == text


@pytest.mark.parametrize("text", ["Lab", "武汉大学", "a b", "a.b", "", "-a", "x" * 41, "a,b", "root'--"])
def test_others_are_rewritten(text):
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", names.slug(text))


@given(st.lists(st.text(max_size=60), unique=True, min_size=2, max_size=6))
def test_two_names_never_meet(texts):
    assert len({names.slug(text) for text in texts}) == len(texts)


def test_a_project_is_nobodys_tenant():
    assert names.project_account("c", "a", "b") == "c-a.b"
    assert names.project_account("c", "a", "b") != names.tenant_account("c", "a.b")
    assert names.tenant_account("c", "Lab") != names.tenant_account("c", "lab")


@given(st.text(max_size=200))
def test_a_label_holds_nothing_that_sacctmgr_would_read(text):
    label = names.label(text)
    assert not set("|'\"`=,:;\\\n\r\t\0*%+") & set(label)
    assert len(label) <= 60
    assert names.label(label) == label


def test_labels_of_any_script_are_kept():
    assert names.label("武汉大学 (遥感院)  \n x|y='z'") == "武汉大学 (遥感院) x y z"


def test_a_database_without_utf8_causes_no_endless_change():
    assert names.same_label("????????????", "武汉大学")
    assert names.same_label("a ???? b", "a 大学 b")
    assert not names.same_label("a ???? c", "a 大学 b")
    assert not names.same_label("北京", "武汉")


def test_nor_does_sacctmgr_which_writes_small_letters():
    assert names.same_label("tsinghua dept. of physics", "Tsinghua Dept. of Physics")
