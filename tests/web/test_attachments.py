"""Files of tickets in the browser: sent by plain forms, read by both sides, never shown as pages; whatever they are called or hold."""

import re

import pytest
from tests.web.conftest import Portal
from tests.web.test_help import ask

from wutong.desk.attachments import rules, service

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0" + bytes(20)
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.html"


def attach(browser, path: str, *files: tuple[str, bytes], text: str = "See here.", status: int = 303, verb: str = "reply") -> str:
    browser.get(path)
    return browser.send(f"{path}/{verb}", {"text": text}, status=status, files=[("files", each) for each in files]).text


def links(page: str, what: str) -> list[str]:
    return re.findall(what, page)


def downloads(page: str) -> list[str]:
    return links(page, r'href="(/api/v1/[^"]+/attachments/[^"]+)"')


def test_a_ticket_is_opened_with_files_and_answered_with_one(portal: Portal, door):
    owner, staff = portal.browser("owner"), portal.browser("operator")
    owner.get("/tickets/new")
    files = [("files", ("训练 日志.log", b"epoch 1\nboom\n")), ("files", ("screen.png", PNG))]
    path = owner.send("/tickets", {"subject": "It hangs", "text": "See the log."}, files=files).headers["location"]
    page = owner.get(path).text
    assert "训练 日志.log" in page
    assert len(links(page, r'<img class="attached-picture" src="([^"]+)"')) == 1
    log = door.call("owner", "GET", downloads(page)[0])
    assert (log.content, log.headers["content-type"], log.headers["x-content-type-options"]) == (
        b"epoch 1\nboom\n",
        "application/octet-stream",
        "nosniff",
    )
    assert log.headers["content-disposition"] == "attachment; filename*=UTF-8''%E8%AE%AD%E7%BB%83%20%E6%97%A5%E5%BF%97.log"
    attach(staff, f"/console{path}", ("fixed.yaml", b"name: x"), verb="answer")
    for browser, where in ((portal.browser("colleague"), path), (staff, f"/console{path}")):
        seen = browser.get(where).text
        assert "fixed.yaml" in seen
        assert "训练 日志.log" in seen
    assert door.call("owner", "GET", downloads(owner.get(path).text)[2]).content == b"name: x"


def test_what_a_file_holds_is_shown_as_text_and_a_picture_as_a_picture(portal):
    path = ask(portal)
    owner = portal.browser("owner")
    attach(owner, path, ("page.html", b"<script>alert(1)</script>"), ("screen.png", PNG))
    html, picture = dict.fromkeys(links(owner.get(path).text, rf'href="({path}/files/[^"/]+)"'))
    assert "&lt;script&gt;alert(1)" in owner.get(html).text
    assert f'src="{picture}/picture"' in owner.get(picture).text
    sent = owner.get(f"{picture}/picture")
    assert (sent.content, sent.headers["content-type"]) == (PNG, "image/png")
    assert sent.headers["content-security-policy"] == "default-src 'none'; sandbox"
    owner.get(f"{html}/picture", status=404)
    staff = portal.browser("operator")
    assert "&lt;script&gt;" in staff.get(f"/console{html}").text
    assert staff.get(f"/console{picture}/picture").content == PNG


def test_nobody_else_sees_them(portal, door):
    path = ask(portal)
    owner = portal.browser("owner")
    attach(owner, path, ("secret.png", PNG))
    page = owner.get(path).text
    (file,) = dict.fromkeys(links(page, rf'href="({path}/files/[^"/]+)"'))
    (content,) = downloads(page)
    own = ask_as(portal, "stranger")
    for where in (file, f"{file}/picture", file.replace(path, own), f"{file.replace(path, own)}/picture"):
        assert "secret.png" not in portal.browser("stranger").get(where, status=404).text
        portal.browser("stranger").get(f"/console{where}", status=403)
        portal.browser().get(where, status=303)
    assert door.call("stranger", "GET", content).status_code == 404
    assert door.call("anonymous", "GET", content).status_code == 401
    assert door.call("stranger", "GET", content.replace(path.split("/")[-1], own.split("/")[-1])).status_code == 404
    assert door.call("operator", "GET", content.replace("/v1/", "/v1/admin/")).content == PNG
    stranger = portal.browser("stranger")
    stranger.get("/tickets")
    stranger.send(f"{path}/reply", {"text": "x"}, status=404, files=[("files", ("x", b"x"))])


def ask_as(portal: Portal, name: str) -> str:
    browser = portal.browser(name)
    browser.get("/tickets/new")
    return browser.send("/tickets", {"subject": "Ours", "text": "x"}).headers["location"]


def test_names_and_forms_are_nobodys_markup(portal):
    path = ask(portal)
    owner = portal.browser("owner")
    attach(owner, path, (HOSTILE, b"x"), ("سجل-٣.log", b"y"))
    page = owner.get(path).text
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "<bdi>&lt;img src=x onerror=alert(1)&gt;gpj.html</bdi>" in page
    assert "<bdi>سجل-٣.log</bdi>" in page
    assert owner.http.post(f"{path}/reply", data={"text": "x"}, files=[("files", ("x", b"x"))]).status_code == 403  # without the form's token


@pytest.mark.parametrize("path", ["/tickets", "reply", "answer"])
def test_what_is_too_large_or_too_many_is_said_and_what_was_typed_stays(portal, monkeypatch, path):
    monkeypatch.setattr(service, "MOST_FILE_BYTES", 1000)
    ticket = ask(portal)
    who, on = ("operator", f"/console{ticket}") if path == "answer" else ("owner", "/tickets/new" if path == "/tickets" else ticket)
    browser = portal.browser(who)
    browser.get(on)
    where = path if path.startswith("/") else f"{on}/{path}"
    form = {"subject": "My subject", "text": "a long story"}
    large = browser.send(where, form, status=413, files=[("files", ("core.dump", b"x" * 1001))]).text
    assert "The file core.dump is larger than" in large
    assert "a long story" in large
    many = browser.send(where, form, status=409, files=[("files", (f"{number}.log", b"x")) for number in range(rules.MOST_FILES + 1)]).text
    assert "at most 5 files" in many
    assert "a long story" in many
    assert "0.log" not in portal.browser("owner").get(ticket).text
    assert "a long story" not in portal.browser("owner").get(ticket).text


def test_limits_stand_beside_the_field(portal):
    assert "up to 5 files of 16 MiB each" in portal.browser("owner").get("/tickets/new").text
    assert "最多 5 个" in portal.browser("owner", "zh").get("/tickets/new").text
