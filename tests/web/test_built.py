"""How the built front end is served: packed out of memory, the same content and headers as by any other way."""

import json

import pytest

from wutong.web import assets
from wutong.web.built import packed

BUILT = assets.FOLDER / "manifest.json"
TEXTS = ("portal.css", "portal.js", "icons.json", "words.json", "mark.svg")


pytestmark = pytest.mark.skipif(not BUILT.exists(), reason="The front end is not built; make setup builds it.")


@pytest.fixture(scope="module")
def names():
    return json.loads(BUILT.read_text())


@pytest.mark.parametrize("name", TEXTS)
def test_packed_and_plain_are_the_same_file_under_the_same_rules(portal, names, name):
    browser, path = portal.browser(), assets.URL + names[name]
    quick = browser.http.get(path, headers={"Accept-Encoding": "gzip"})
    plain = browser.http.get(path, headers={"Accept-Encoding": "identity"})
    assert (quick.status_code, plain.status_code) == (200, 200)
    assert quick.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert quick.content == plain.content == (assets.FOLDER / names[name]).read_bytes()
    assert int(quick.headers["content-length"]) < len(plain.content)
    for header in ("content-type", "cache-control", "content-security-policy", "x-content-type-options"):
        assert quick.headers[header] == plain.headers[header], header


def test_what_is_not_ours_to_pack_is_left_to_the_next(portal, names):
    browser = portal.browser()
    css = assets.URL + names["portal.css"]
    assert browser.http.get(css, headers={"Range": "bytes=0-9", "Accept-Encoding": "gzip"}).status_code == 206
    known = browser.http.get(css, headers={"Accept-Encoding": "identity"}).headers["etag"]
    assert browser.http.get(css, headers={"If-None-Match": known, "Accept-Encoding": "gzip"}).status_code == 304
    assert browser.http.head(css, headers={"Accept-Encoding": "gzip"}).status_code == 200
    assert browser.http.get("/static/portal.00000000.css", headers={"Accept-Encoding": "gzip"}).status_code == 404


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../built.py", "%2e%2e/built.py", "..\\built.py", ".stamp", "document-regular.ttf", "x" * 300 + ".css"]
)
def test_nothing_but_names_of_text_files_in_the_folder_is_packed(name):
    assert packed(name) is None
