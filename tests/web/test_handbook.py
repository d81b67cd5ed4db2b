"""The handbook: every command shown exists, every job file is one, every link leads somewhere, both languages say the same, search finds it."""

import re
import shlex
from dataclasses import replace

import pytest
import typer
from tests.web.conftest import statements

from wutong.api import errors as api_errors
from wutong.cli.main import app as cli
from wutong.compute.jobs import requests as jobs
from wutong.desk.notices.rules import KEEP as NOTICES_KEPT
from wutong.desk.notices.rules import MAIL_AFTER
from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks.rules import KEEP as DELIVERIES_KEPT
from wutong.identity.letters.rules import LIFE as LINK_LIFE
from wutong.identity.rules import INVITATION_LIFE, SESSION_LIFE
from wutong.kit.settings import Settings
from wutong.sdk import jobfile
from wutong.web.data.versions import MOST_PACKED
from wutong.web.help import facts
from wutong.web.help.about import ABOUT
from wutong.web.help.book import CHAPTERS, FOLDER, book, find, source
from wutong.web.help.facts import Numbers
from wutong.web.nouns import PAGES

LANGUAGES = ("en", "zh")
EVERY = [(name, language) for name in CHAPTERS for language in LANGUAGES]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ABROAD = {"/api/docs"}  # what the JSON door serves


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> Numbers:
    return Numbers.of(Settings(home=tmp_path_factory.mktemp("home")))


def fences(kind, name, language):
    return [text for language_, text in FENCE.findall(source(name, language)) if language_ == kind]


def commands(name, language):
    told = {"portal": "https://ai.example.cn"}
    text = "\n".join(fences("sh", name, language))
    return [line for line in re.sub(r"\{\{(\w+)\}\}", lambda m: told[m[1]], text).splitlines() if line.startswith("wutong ")]


def test_the_chapters_are_all_there_and_no_others():
    for language in LANGUAGES:
        assert {path.stem for path in (FOLDER / language).iterdir()} == set(CHAPTERS)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_command_shown_is_one(name, language):
    for line in commands(name, language):
        command, words = typer.main.get_command(cli), shlex.split(line)[1:]
        while hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command, words = command.commands[words[0]], words[1:]
        context = command.context_class(command, info_name="wutong")
        given, rest, _ = command.make_parser(context).parse_args(list(words))  # refuses options that there are not
        missing = [each.name for each in command.params if each.param_type_name == "argument" and each.required and given.get(each.name) is None]
        assert (missing, rest) == ([], []), line


def test_a_command_that_is_none_would_be_noticed():
    command = typer.main.get_command(cli).commands["job"].commands["submit"]
    with pytest.raises(Exception, match="No such option"):
        command.make_parser(command.context_class(command)).parse_args(["--flavor-of", "x"])


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_job_file_shown_is_one(name, language):
    for text in fences("yaml", name, language):
        fields = jobfile.read_fields(text)
        # Some leave out the command because they are about something else.
        jobfile.parse({"command": "true", **fields})


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_link_leads_somewhere(name, language, numbers):
    anchors = {f"{each.name}.md": {section.anchor for section in each.sections} for each in book(language, numbers).values()}
    pages = {route.path for router in PAGES for route in router.routes if "GET" in route.methods} | ABROAD
    for target in LINK.findall(source(name, language)):
        file, _, anchor = target.partition("#")
        if target.startswith("/"):
            assert target in pages, target
        else:
            assert anchor in anchors[file] if anchor else file in anchors, target


def test_what_explains_a_page_is_there(numbers):
    chapters = book("en", numbers)
    for place in ABOUT.values():
        name, _, anchor = place.partition("#")
        assert name in chapters
        assert anchor in {section.anchor for section in chapters[name].sections}, place


@pytest.mark.parametrize("name", CHAPTERS)
def test_both_languages_have_the_same_parts(name, numbers):
    english, chinese = (book(language, numbers)[name] for language in LANGUAGES)
    assert [section.anchor for section in english.sections] == [section.anchor for section in chinese.sections]
    assert len({section.anchor for section in english.sections}) == len(english.sections)
    assert commands(name, "en") == commands(name, "zh")
    for kind in ("yaml", "python"):
        assert fences(kind, name, "en") == fences(kind, name, "zh")
    assert re.findall(r"\{\{\w+\}\}", source(name, "en")) == re.findall(r"\{\{\w+\}\}", source(name, "zh"))
    assert not re.search("[\u4e00-\u9fff]", english.body)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_nothing_is_left_to_be_filled_in_and_nothing_is_styled_inline(name, language, numbers):
    body = book(language, numbers)[name].body
    assert "{{" not in body
    assert "{#" not in body
    assert "style=" not in body
    assert "<script" not in body


def test_markup_in_a_chapter_stays_text(monkeypatch, numbers):
    from wutong.web.help import book as module

    monkeypatch.setattr(
        module, "source", lambda name, language: '# A <b>\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1))\n\n```sh\n"><b>\n```\n'
    )
    body = module.book("en", replace(numbers, portal="https://hostile.example"))["jobs"].body
    assert "<img" not in body
    assert "href" not in body
    assert 'data-copy="&quot;&gt;&lt;b&gt;' in body


def test_every_field_of_a_job_file_is_told_with_what_it_means(numbers):
    schema = facts.JobRequest.model_json_schema()
    body = book("zh", numbers)["job-file"].body
    for name in schema["properties"]:
        assert f"<code>{name}</code>" in body
    assert "Machine size" not in body


def test_every_code_of_the_json_door_is_told(numbers):
    body = book("en", numbers)["errors"].body
    codes = set(api_errors._HTTP_CODES.values()) | {"insufficient_funds", "too_many_jobs", "internal", "quota_exceeded", "wrong_tus_version"}
    assert [code for code in codes if f"<code>{code}</code>" not in body] == []
    assert "lab_needs_root" not in body


def test_the_limits_are_those_of_the_code():
    known = [
        (jobs.MAX_COMMAND_BYTES, jobs.MAX_ENVIRONMENT_BYTES, 64 * 1024, "64 KiB"),
        (jobs.MAX_MOUNTS, 32, "32"),
        (jobs.MAX_ARRAY, 1000, "1,000"),
        (jobs.MAX_AFTER, 64, "64"),
        (jobs.MAX_TIME_LIMIT_S, 30 * 86400, "30 "),
        (jobfile.MAX_BYTES, 192 * 1024, "192 KiB"),
        (MOST_PACKED, 100_000, "100,000"),
    ]
    for *values, shown in known:
        assert len(set(values)) == 1, shown
        assert all(shown in source("limits", language) for language in LANGUAGES), shown
    told = [SESSION_LIFE, INVITATION_LIFE, LINK_LIFE, NOTICES_KEPT, DELIVERIES_KEPT, MAIL_AFTER[NoticeKind.JOB_ENDED]]
    assert [each.total_seconds() for each in told] == [14 * 86400, 7 * 86400, 1800, 365 * 86400, 30 * 86400, 300]


@pytest.mark.parametrize(
    ("wanted", "language", "path"),
    [
        ("checkpoint", "en", "/help/checkpoints"),
        ("checkpoint", "zh", "/help/checkpoints"),
        ("检查点", "zh", "/help/checkpoints"),
        ("签名", "zh", "/help/webhooks#signature"),
        ("insufficient_funds", "en", "/help/errors#status-402"),
        ("idempotency", "en", "/help/jobs#once"),
    ],
)
def test_words_of_either_language_find_the_place(wanted, language, path, numbers):
    found = find(wanted, language, numbers, most=5)
    assert path in [place.path for place in found]
    assert found[0].chapter == book(language, numbers)[found[0].path.removeprefix("/help/").partition("#")[0]].title


def test_nonsense_finds_nothing(numbers):
    assert find("zzqqxx", "en", numbers, most=5) == []
    assert find(" ", "en", numbers, most=5) == []
    assert find("e", "en", numbers, most=5) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_anybody_reads_the_handbook_and_turns_its_pages(portal, language):
    visitor = portal.browser("anonymous", language)
    with statements(portal) as seen:
        contents = visitor.get("/help").text
        path, turned = "/help/first-job", []
        while path:
            page = visitor.get(path).text
            turned.append(path.removeprefix("/help/"))
            after = re.search(r'rel="next" href="([^"]+)"', page)
            path = after.group(1) if after else None
    assert turned == list(CHAPTERS)
    assert all(f'href="/help/{name}"' in contents for name in CHAPTERS)
    assert seen == []
    visitor.get("/help/no-such-chapter", status=404)


def test_pages_lead_to_what_explains_them(portal):
    owner = portal.browser("owner")
    assert 'href="/help/job-file"' in owner.get("/jobs/new").text
    assert 'href="/help/webhooks#webhooks"' in owner.get("/organisation/webhooks").text
    assert 'href="/help"' in owner.get("/jobs").text


def test_the_palette_finds_the_handbook(portal):
    answer = portal.browser("owner", "zh").http.get("/search?q=宽限", headers={"Accept": "application/json", "Accept-Language": "zh"})
    assert "/help/checkpoints#signal" in [each["url"] for each in answer.json()["items"]]
