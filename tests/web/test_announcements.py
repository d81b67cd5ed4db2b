"""Announcements in the console: written, looked at, edited, withdrawn; told to those they are for, and to nobody before."""

import re

from tests.web.conftest import Portal

TITLE = "Storage <b>slow</b> tonight"
FORM = {"title_zh": "今晚存储变慢", "title_en": TITLE, "level": "warning", "audience": "everyone"}
PAGE = "/console/announcements"


def told(portal: Portal, who: str = "anonymous", language: str = "en") -> str:
    return portal.browser(who, language).get("/announcements/now").text


def ids(text: str) -> list[str]:
    return re.findall(r"/console/announcements/(ann_\w+)/withdraw", text)


def test_what_is_announced_is_told_in_the_readers_language_until_it_is_withdrawn(portal):
    operator = portal.browser("operator")
    assert "Nothing was announced yet" in operator.get(PAGE).text
    operator.send(PAGE, FORM)
    page = operator.get(PAGE).text
    assert "Shown now" in page
    assert "Storage &lt;b&gt;slow&lt;/b&gt; tonight" in told(portal)
    assert "note-warn" in told(portal)
    assert "今晚存储变慢" in told(portal, "owner", "zh")
    operator.send(f"{PAGE}/{ids(page)[0]}/withdraw")
    assert TITLE[:7] not in told(portal)
    assert "Withdrawn" in operator.get(PAGE).text
    assert ids(operator.get(PAGE).text) == []


def test_a_preview_shows_both_languages_and_tells_nobody(portal):
    operator = portal.browser("operator")
    operator.get(PAGE)
    page = operator.send(f"{PAGE}/preview", {**FORM, "text_zh": "预计两小时", "text_en": "For two hours"}, status=200).text
    preview = re.search(r'aria-labelledby="preview".*?</section>\s*</div>\s*</section>', page, re.DOTALL).group(0)
    for words in ("今晚存储变慢", "预计两小时", "Storage &lt;b&gt;slow", "For two hours", "note-warn"):
        assert words in preview
    assert 'value="今晚存储变慢"' in page
    assert "Storage" not in told(portal)
    operator.send(f"{PAGE}/preview", {**FORM, "title_en": ""}, status=422)
    assert "Write the text in both languages, or in neither." in operator.send(f"{PAGE}/preview", {**FORM, "text_zh": "x"}, status=422, on=PAGE).text


def test_editing_takes_the_place_of_what_was_said_and_comes_back_to_who_put_it_away(portal):
    operator, owner = portal.browser("operator"), portal.browser("owner")
    operator.get(PAGE)
    operator.send(PAGE, {**FORM, "begins_at": "2026-01-05T08:30", "ends_at": "2099-01-01T00:00"})
    first = ids(operator.get(PAGE).text)[0]
    owner.get("/inbox")
    owner.send(f"/announcements/{first}/dismiss")
    assert "Storage" not in told(portal, "owner")
    page = operator.get(f"{PAGE}?edit={first}").text
    assert f'name="instead_of" value="{first}"' in page
    assert 'value="2026-01-05T08:30"' in page
    operator.send(PAGE, {**FORM, "title_en": "Storage is well again", "instead_of": first})
    assert "Storage is well again" in told(portal, "owner")
    assert "slow" not in told(portal)
    assert ids(operator.get(PAGE).text) != [first]
    again = operator.send(PAGE, {**FORM, "instead_of": first}, status=404).text
    assert "There is no announcement" in again
    assert "slow" not in told(portal)


def test_times_and_pools_are_refused_with_what_would_work(portal):
    operator = portal.browser("operator")
    operator.get(PAGE)
    assert "Name a moment after the beginning" in operator.send(PAGE, {**FORM, "ends_at": "2020-01-01T00:00"}, status=422).text
    refused = operator.send(PAGE, {**FORM, "audience": "pool", "title_en": "Kept words"}, status=422).text
    assert "Name the pool whose users are told" in refused
    assert 'value="Kept words"' in refused
    operator.send(PAGE, {**FORM, "level": "loud"}, status=422)
    operator.send(PAGE, {**FORM, "audience": "pool", "pool": "local"})
    assert "Users of a pool: local" in operator.get(PAGE).text
    assert "Storage" not in told(portal)


def test_others_neither_read_the_list_nor_write(portal):
    portal.browser("owner").get(PAGE, status=403)
    owner = portal.browser("owner")
    owner.get("/inbox")
    owner.send(PAGE, FORM, status=403)
    owner.send(f"{PAGE}/preview", FORM, status=403)
    owner.send(f"{PAGE}/ann_none/withdraw", status=403)
    assert portal.browser().get(PAGE, status=303).headers["location"].startswith("/sign-in")
    portal.browser("operator").get(f"{PAGE}?edit=ann_none", status=404)


def test_the_list_stands_first_unless_somebody_is_at_work_on_words(portal):
    operator = portal.browser("operator")
    operator.get(PAGE)
    operator.send(PAGE, FORM)
    page = operator.get(PAGE).text
    assert page.index("Shown now") < page.index('id="write"')
    editing = operator.get(f"{PAGE}?edit={ids(page)[0]}").text
    assert editing.index('id="write"') < editing.index("Shown now")
