"""Job files: what is written is read again as it was; what is no job is explained, and hostile text costs nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wutong.sdk import jobfile
from wutong.sdk.jobs import Checkpoint, JobRequest, Mounted, Outputs

words = st.text(st.characters(exclude_categories=("C",), exclude_characters="/\\"), min_size=1, max_size=30)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=80)


@example(JobRequest(name="ends", command="\x85"))
@example(JobRequest(name="ends", command="a\u2028b\nc\u2029"))
@given(
    st.builds(
        JobRequest,
        name=words,
        command=texts | st.lists(texts, min_size=1, max_size=3),
        code=st.none() | st.just("trainer@2"),
        datasets=st.lists(st.builds(Mounted, ref=st.just("digits@1"), path=st.sampled_from(["", "a"])), max_size=2),
        env=st.dictionaries(words, texts, max_size=2),
        checkpoint=st.none() | st.builds(Checkpoint),
        outputs=st.builds(Outputs, model=st.none() | st.just("m")),
        time_limit_s=st.integers(1, 1000),
        labels=st.dictionaries(words, words, max_size=2),
    )
)
def test_what_is_written_is_read_again(request_: JobRequest):
    assert jobfile.parse(jobfile.read_fields(jobfile.write(request_))) == request_


def test_it_reads_well():
    wanted = JobRequest(name="训练", command="python a.py\necho done\n", flavour="npu.1", labels={"project": "road"})
    assert jobfile.write(wanted) == "name: 训练\ncommand: |\n  python a.py\n  echo done\nflavour: npu.1\nlabels:\n  project: road\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: x\ncomand: y", "comand: There is no such field."),
        ("command: y", "name: It is needed."),
        ("name: [", "This is not valid YAML"),
        ("- 1", "A job file holds fields"),
        ("1: 2", "A job file holds fields"),
        ("{" * 20_000, "This is not valid YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "instead of using *aliases"),
        ("!!python/object/apply:os.system ['true']", "This is not valid YAML"),
        ("when: 2026-13-45", "This is not valid YAML"),
        ("x" * jobfile.MAX_BYTES + "x", "at most"),
        ("", "A job file holds fields"),
    ],
)
def test_what_is_no_job_is_explained(text: str, sentence: str):
    with pytest.raises(jobfile.BadJobFile) as wrong:
        jobfile.parse(jobfile.read_fields(text))
    assert sentence in str(wrong.value)


def test_every_wrong_field_is_named():
    with pytest.raises(jobfile.BadJobFile) as wrong:
        jobfile.parse({"name": "a", "command": "b", "nodes": 0, "tries": 99})
    assert [sentence.split(":")[0] for sentence in wrong.value.wrong] == ["nodes", "tries"]
