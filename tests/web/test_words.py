"""Every sentence of the portal is there in both languages, its parameters kept; readers get the language they want."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wutong.kit.errors import NotFound
from wutong.web import words

ROOT = Path(__file__).resolve().parents[2]
PARAMETER = re.compile(r"\{(\w*)")


@pytest.mark.timeout(300)
def test_no_sentence_lacks_its_translation():
    done = subprocess.run([sys.executable, ROOT / "tools" / "words.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_translations_name_only_parameters_that_there_are():
    wrong = [
        (text, said) for text, said in words.words_of("zh").catalogue.items() if not set(PARAMETER.findall(said)) <= set(PARAMETER.findall(text))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("cookie", "accepted", "preferred", "expected"),
    [
        (None, "", None, "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", None, "en"),
        (None, "fr,zh-CN;q=0.5,en;q=0.9", None, "en"),
        (None, "de", None, "zh"),
        ("en", "zh", None, "en"),
        ("tlh", "en", None, "en"),
        (None, "zh", "en", "en"),
        (None, "en;q=nonsense,;;,", None, "en"),
        (None, ";;,", None, "zh"),
    ],
)
def test_readers_get_the_language_they_want(cookie, accepted, preferred, expected):
    assert words.choose(cookie, accepted, preferred) == expected


def test_a_problem_is_told_in_the_readers_language():
    assert "job_1" in words.words_of("zh").problem(NotFound(kind="job", id="job_1"))
    assert words.words_of("en").problem(NotFound(kind="job", id="job_1")) == "There is no job job_1 that you can see."


def test_one_and_many_are_told_apart_where_a_language_does():
    english, chinese = words.words_of("en"), words.words_of("zh")
    assert english.count("{n} job", "{n} jobs", 1) == "1 job"
    assert english.count("{n} job", "{n} jobs", 2) == "2 jobs"
    assert chinese.count("{n} runs are ahead.", "{n} runs are ahead.", 1) == chinese.count("{n} runs are ahead.", "{n} runs are ahead.", 2).replace(
        "2", "1"
    )
