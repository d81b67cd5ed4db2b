"""The form of a job says the same as the request it makes, and the graph of a job finds a place for everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.sdk.jobfile import BadJobFile
from wutong.sdk.jobs import Checkpoint, JobRequest, Mounted, Outputs
from wutong.web.jobs import fields

words = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\="), min_size=1, max_size=10)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=40)
requests = st.builds(
    JobRequest,
    name=words,
    command=texts | st.lists(texts, min_size=1, max_size=3) | st.sampled_from(["[ -f x ] && y", '"quoted"']),
    code=st.none() | st.just("trainer@2"),
    datasets=st.lists(st.builds(Mounted, ref=st.just("digits@1"), path=st.sampled_from(["", "a"])), max_size=3),
    env=st.dictionaries(words, texts, max_size=3),
    labels=st.dictionaries(words, words, max_size=2),
    checkpoint=st.none() | st.builds(Checkpoint, grace_s=st.integers(0, 100)),
    outputs=st.builds(Outputs, model=st.none() | st.just("m"), keep_on_failure=st.booleans()),
    time_limit_s=st.integers(1, 100_000),
    secrets=st.lists(words, max_size=2),
    after=st.lists(st.sampled_from(["job_1", "job_2"]), max_size=2),
    array=st.none() | st.just("0-9%2"),
    nodes=st.integers(1, 5),
    launch=st.sampled_from(["once", "node", "rank"]),
)


@given(requests)
def test_a_form_makes_the_request_it_was_made_of(wanted: JobRequest):
    assert fields.request_of(fields.form_of(wanted)) == wanted


def test_a_shell_line_that_reads_as_a_list_of_words_stays_a_shell_line():
    form = fields.form_of(JobRequest(name="a", command='["true"]'))
    assert fields.request_of(form).command == ["/bin/sh", "-c", '["true"]']


@pytest.mark.parametrize(
    ("limit", "unit", "seconds"), [("90", "s", 90), ("5", "min", 300), ("2", "h", 7200), ("3", "d", 259_200), ("7", "no such", 7)]
)
def test_time_limits_come_with_a_unit(limit: str, unit: str, seconds: int):
    form = {"name": ["a"], "command": ["b"], "time_limit": [limit], "time_unit": [unit]}
    assert fields.request_of(form).time_limit_s == seconds


@pytest.mark.parametrize("form", [{"nodes": ["two"]}, {"time_limit": ["1.5"]}, {"env": ["A"]}, {"nodes": ["9" * 5000]}])
def test_what_makes_no_request_is_refused(form: dict[str, list[str]]):
    with pytest.raises(BadJobFile):
        fields.request_of({"name": ["a"], **form})


def test_lines_of_browsers_end_as_those_of_files():
    form = {"name": ["a"], "command": ["one\r\ntwo"], "env": ["A=1\r\nB=2\r\n"], "after": ["job_1, job_2"]}
    made = fields.request_of(form)
    assert (made.command, made.env, made.after) == ("one\ntwo", {"A": "1", "B": "2"}, ["job_1", "job_2"])
