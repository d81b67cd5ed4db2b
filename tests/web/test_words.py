"""Sentences that were made earlier are told in the reader's language, and names stay as they are."""

from wutong.web.words import template_of, words_of


def test_a_stored_sentence_is_told_again_in_chinese():
    zh = words_of("zh")
    assert zh.retell("Cancelled by owner.") == "由 owner 取消。"
    assert zh.retell("It was to run after a (b) (job_1), which ended as failed.") == "它应在 a（b) (job_1）之后运行，而后者的结果是：失败。"
    assert zh.retell("It reached its time limit. Cancelled on request.") == "达到时间上限。 已按要求取消。"
    assert zh.retell("Said by somebody else.") == "Said by somebody else."
    assert words_of("en").retell("Cancelled by owner.") == "Cancelled by owner."


def test_long_text_costs_nothing():
    text = "It was to run after " + "(), which ended as " * 500
    assert words_of("zh").retell(text) == text


def test_a_template_must_have_words_of_its_own():
    assert template_of("{n} d") is None
    assert template_of("{a} and {a} are the same parameter") is None
    read = template_of("Job {id} is {state} and cannot become {to}.")
    assert read is not None
    assert read.read("Job job_1 is failed and cannot become running.") == {"id": "job_1", "state": "failed", "to": "running"}
    assert read.read("Job job_1 is failed.") is None
