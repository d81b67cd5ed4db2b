"""What engines, the queue and rules say is told in the reader's language: each sentence they make is read back in Chinese, and so is a job's page."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from tests.web.test_job_page import Machine, fake
from tests.web.test_jobs import submitted

from wutong.centre.engines.local.queue import Need, explain
from wutong.centre.engines.protocol import EndReason
from wutong.centre.engines.slurm import sizes
from wutong.centre.maintenance.rules import Window, advice
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.web import words

__all__ = ["fake"]

ROOT = Path(__file__).resolve().parents[2] / "src" / "wutong"
# Whose sentences reach a page, by folder.
TELLERS = {
    "centre/engines/local": "admission job keeper limits runs sandbox spawn verdict views watch",
    "centre/engines/slurm": "engine pump rounds rules sizes views",
    "centre/runs": "decisions",
    "centre/catalogue": "kinds operate rules",
    "centre": "inventory reconciler",
    "compute/billing": "direct rating service",
    "compute/catalogue": "service rules",
    "compute/environments": "builder install service",
    "compute/jobs": "collector moves submit staff tracker",
    "compute/orders": "payments proposals service",
    "hub/archives": "unpack zips",
    "hub/repos": "rules service",
    "hub/trees": "ingest",
    "hub": "paths",
    "desk/webhooks": "courier service",
    "app": "health",
}
SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,} ")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WITH)\b|^loop:")
# What is said in logs, in a job's own log, or as part of a sentence that is tried in whole elsewhere.
ELSEWHERE = {
    "7 All ranks begin again; 7 more restarts are left.",
    "7 The cluster said: 7",
    "7 runs are ahead. 7",
    ", this version needs 7",
    "FULL: 7. Free some at once: nothing can be written down.",
    "7 for 7 is used up. Have it raised to start jobs again.",
    "nothing was asked",
    "the engine said nothing of it",
}
LATIN = re.compile(r"(?:\b[A-Za-z][A-Za-z']+[ ,]+){2,}[A-Za-z]+")


def sentences(path: Path) -> Iterator[str]:
    """Yield what a module says, with 7 for each parameter: not what it documents, logs or raises for programmers."""
    tree = ast.parse(path.read_text())
    beside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    beside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.match(r"(self\._)?_?log\b|say$|text$|Field$|\w*Error$", ast.unparse(node.func)):
            beside |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in beside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("folder", sorted(TELLERS))
def test_what_rules_and_engines_say_can_be_told_in_chinese(folder):
    chinese = words.words_of("zh")
    said = {text for name in TELLERS[folder].split() for text in sentences(ROOT / folder / f"{name}.py")}
    said = {text for text in said if SENTENCE.search(text) and not SQL.search(text)} - ELSEWHERE
    assert said, "these modules say nothing: has their folder moved?"
    assert {text for text in said if chinese.retell(text) == text and text not in chinese.catalogue} == set(), "add these to words/zh/told.po"


TIGHT, ROOMY = Need(4, 4, 8192), Need(8, 8, 65_536)


@pytest.mark.parametrize("ahead", [0, 1, 3])
@pytest.mark.parametrize("free", [Need(0, 8, 65_536), Need(1, 8, 65_536), Need(8, 0, 65_536), Need(8, 8, 1), ROOMY])
def test_a_place_in_the_queue_is_told_in_chinese(free, ahead):
    assert in_chinese(explain(TIGHT, free, ROOMY, ahead))
    assert in_chinese(explain(Need(9, 1, 1), free, ROOMY, ahead))


def in_chinese(sentence: str) -> bool:
    """Tell whether what a Chinese reader is told holds no English sentence."""
    return not LATIN.search(words.words_of("zh").retell(sentence))


@pytest.mark.parametrize("begins_in_s", [0, 1800])
def test_a_maintenance_in_the_way_is_told_in_chinese(begins_in_s):
    begins = clock.now() + timedelta(seconds=begins_in_s)
    window = Window("maint_1", "npu", (), begins, begins + timedelta(hours=2), "更换风扇", "per_1", clock.now())
    sentence = advice([window], ["n1"], nodes=1, time_limit_s=3600, now=clock.now())
    assert sentence
    assert in_chinese(sentence)


def test_sentences_and_clauses_are_told_each_for_itself():
    both = "It needed more memory than its flavour has; choose a larger one. It used more memory than it asked for. Ask for more, or use less. Dixit."
    assert words.words_of("zh").retell(both).endswith("它用的内存超过所要求的。请多要一些，或少用一些。 Dixit.")
    assert in_chinese("revision a1, this version needs b2")
    assert in_chinese("FULL: 0.1 GiB free in /srv. Free some at once: nothing can be written down.")


def test_checks_of_the_centre_are_told_clause_by_clause():
    told = words.words_of("zh").retell("8 accelerators, 4 processors, isolation none; All tenants share one UNIX identity on this machine.")
    assert told == "8 张加速卡，4 个处理器核，隔离方式 none; 各单位在这台机器上共用一个 UNIX 身份。"


CAPABILITIES = "8 accelerators, 4 processors, isolation none"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("engine hpc-west", "引擎 hpc-west"),
        ("engine 二期", "引擎 二期"),
        ("engine local", "本机引擎"),
        ("does not answer: The cluster has not answered for a while.", "没有应答：集群有一段时间没有应答。"),
        ("does not answer: The agent did not answer in time.", "没有应答：代理未能及时应答。"),
        (f"2 x h200, {CAPABILITIES}", "2 张 h200，共 8 张加速卡，4 个处理器核，隔离方式 none"),
    ],
)
def test_engines_by_any_name_are_told_of_in_chinese(said, told):
    assert words.words_of("zh").retell(said) == told


@pytest.mark.parametrize(
    ("field", "zh", "en"), [("limit_fen", "限额", "limit"), ("more_nodes", "增加的机器数", "more nodes"), ("env.PATH", "env.PATH", "env.PATH")]
)
def test_fields_are_called_what_people_call_them(field, zh, en):
    problem = Invalid(field=field, reason="Choose 7, 30 or 90 days.")
    assert words.words_of("zh").problem(problem) == f"{zh}：请选择 7、30 或 90 天。"
    assert words.words_of("en").problem(problem) == f"{en}: Choose 7, 30 or 90 days."


def test_what_somebody_called_name_keeps_its_name():
    assert words.words_of("zh").problem(NotFound(kind="job", id="name")).count("name") == 1


def test_all_problems_of_an_engine_are_told_in_chinese():
    assert in_chinese(f"{CAPABILITIES}; {sizes._LOUD}; {sizes._SHARED}")


ENDS = [
    (EndReason.FAILED, "It ended with exit code 3.", 3),
    (EndReason.TIME_LIMIT, "It reached its time limit of 60 seconds.", None),
    (EndReason.OUT_OF_MEMORY, "It used 900 MiB of memory, more than the 512 MiB it asked for. Ask for more, or use less.", None),
    (EndReason.START_FAILED, "The command 'trian.py' could not be started: No such file or directory.", None),
    (EndReason.START_FAILED, "The cluster has no accelerators of this kind. The cluster said: gres", None),
    (EndReason.ENGINE_FAULT, "The process that kept the run was lost, and the run with it. It is the centre's fault, not the run's.", None),
]


@pytest.mark.parametrize(("reason", "detail", "code"), ENDS)
def test_the_page_of_a_job_that_failed_holds_no_english_sentence(fake: Machine, reason, detail, code):
    job = submitted(fake.portal, name="模型训练")
    fake.advance(0)
    fake.engine.end(fake.name(job), reason, detail, code)
    fake.advance(5)
    assert english(fake, job.id) == []


def test_the_page_of_a_job_that_waits_holds_no_english_sentence(fake: Machine):
    fake.engine.hold()
    submitted(fake.portal, flavour="cpu.4")
    job = submitted(fake.portal, name="模型训练", flavour="cpu.4")
    assert english(fake, job.id) == []
    fake.advance(1)
    assert english(fake, job.id) == []
    last = submitted(fake.portal, name="之后", after=(job.id,))
    fake.advance(1)
    assert english(fake, last.id) == []


def english(machine: Machine, job_id: str) -> list[str]:
    """Return the English sentences that a Chinese reader sees on a job's page, but for its command and its log."""
    page = machine.portal.browser("owner", "zh").get(f"/jobs/{job_id}").text
    main = page[page.index("<main") : page.index("</main>")]
    seen = re.sub(r"<(script|template|pre|code)\b.*?</\1>", " ", main, flags=re.DOTALL)
    return LATIN.findall(unescape(re.sub(r"<[^>]+>", "\n", seen)))
