"""Data sets and models before a browser: found, filled by a plain form, looked into, published, deleted; inert whatever their names."""

import io
import struct
import tarfile
import zlib

import pytest
from tests.web.conftest import Portal, statements

from wutong.hub import service as hub
from wutong.hub.rules import File, RepoKind, Visibility
from wutong.identity import service as identity

HOSTILE = [
    "<script>alert(1)</script>.txt",
    '"><img src=x onerror=alert(1)>.png',
    "photo\u202egnp.exe",
    "道路/裂缝 一.txt",
    "a&b;'c.csv",
    "{{ 7*7 }}.txt",
]


def png() -> bytes:
    """A picture of one pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\1\2\3")) + chunk(b"IEND", b"")


def put(portal: Portal, files: dict[str, bytes], *, who: str = "owner", name: str = "roads", kind: RepoKind = RepoKind.DATASET, public: bool = False):
    """Keep files as a version; returns repository and version."""
    blobs = portal.context.blobs
    with blobs.intake() as intake:
        kept = [File(path, len(content), intake.add([content]).sha256) for path, content in files.items()]
    with portal.context.database.session() as tx:
        person = identity.authenticate(tx, portal.people[who].secret or "")
        hub.record_blobs(tx, person.tenant_id or "", kept, blobs=blobs)
        repo = hub.ensure_repo(tx, person, kind, name)
        version = hub.commit_version(tx, person, repo.id, kept, note="first")
        if public:
            hub.change_repo(tx, person, repo.id, licence="CC-BY-4.0")
            hub.set_visibility(tx, person, repo.id, Visibility.PUBLIC)
    return repo, version


def test_without_data_the_page_leads_to_the_upload(portal):
    page = portal.browser("owner").get("/data").text
    assert "Nothing here yet" in page
    assert "/data/new?kind=dataset" in page
    assert "/data/new" not in portal.browser("viewer").get("/data").text


def test_a_repository_is_made_and_filled_by_plain_forms(portal):
    browser = portal.browser("owner")
    form = {"name": "road-images", "kind": "dataset", "licence": "CC-BY-4.0", "description": "Cracks.\r\nMany."}
    where = browser.send("/data/new", form, on="/data/new").headers["location"]
    page = browser.get(where).text
    assert "These files become version 1." in page
    files = {"file": ("裂缝.csv", b"a,b\n1,2\n", "text/csv")}
    repo_page = where.removesuffix("/upload")
    made = browser.send(f"{repo_page}/file", {"note": "first try"}, files=files, on=where).headers["location"]
    assert made == f"{repo_page}/versions/1"
    shown = browser.get(made).text
    assert "裂缝.csv" in shown
    assert "first try" in shown
    assert "CC-BY-4.0" in browser.get(repo_page).text


def test_an_archive_is_unpacked_beside_what_is_there(portal):
    repo, _ = put(portal, {"a.txt": b"1", "b.txt": b"2"})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("b.txt", b"3"), ("deep/c.txt", b"4")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    browser = portal.browser("colleague")
    sent = {"unpack": "yes", "keep": "yes"}
    browser.send(f"/data/{repo.id}/file", sent, files={"file": ("all.tar.gz", packed.getvalue())}, on=f"/data/{repo.id}/upload")
    page = browser.get(f"/data/{repo.id}/versions/2").text
    assert all(name in page for name in ("a.txt", "b.txt", "deep</bdi>/"))
    bad = browser.send(f"/data/{repo.id}/file", sent, files={"file": ("all.zip", b"PK\3\4 no")}, on=f"/data/{repo.id}/upload", status=422).text
    assert 'role="alert"' in bad


def test_a_form_without_a_file_is_refused(portal):
    repo, _ = put(portal, {"a.txt": b"1"})
    browser = portal.browser("owner")
    page = browser.send(f"/data/{repo.id}/file", {"note": "kept words"}, files={"other": ("x", b"")}, on=f"/data/{repo.id}/upload", status=422).text
    assert "Choose a file first." in page
    assert "kept words" in page


def test_who_may_not_write_sends_no_byte(portal):
    repo, _ = put(portal, {"a.txt": b"1"}, public=True)
    for name, status in (("viewer", 403), ("stranger", 404), ("operator", 403), ("anonymous", 401)):
        browser = portal.browser(name)
        browser.get("/", status=200)
        assert browser.http.post(f"/data/{repo.id}/file", data={}, files={"file": ("x", b"1")}).status_code == status, name
    owner = portal.browser("owner")
    owner.get("/data")
    assert owner.http.post(f"/data/{repo.id}/file", data={}, files={"file": ("x", b"1")}).status_code == 403


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "no good", "kind": "dataset"}, "Use 1 to 96 letters"),
        ({"name": "fine", "kind": "output"}, "Choose data set, model or code."),
        ({"name": "fine", "kind": "model", "licence": "other", "licence_text": ""}, "Use an SPDX name"),
        ({"name": "roads", "kind": "dataset"}, "You already have a dataset named roads."),
    ],
)
def test_what_cannot_be_made_is_told_and_stays_typed(portal, form, sentence):
    put(portal, {"a": b"1"})
    page = (
        portal.browser("owner")
        .send("/data/new", {**form, "description": "my words"}, on="/data/new", status=409 if form["name"] == "roads" else 422)
        .text
    )
    assert sentence in page
    assert "my words" in page


def test_lists_are_found_by_words_and_come_in_pages(portal):
    for number in range(4):
        put(portal, {"a": str(number).encode()}, name=f"set-{number}")
    put(portal, {"a": b"1"}, name="net", kind=RepoKind.MODEL)
    browser = portal.browser("viewer")
    page = browser.get("/data", params={"limit": 3}).text
    assert "set-3" in page
    assert "set-0" not in page
    assert "net" not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    rest = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "set-0" in browser.get(rest).text
    assert "set-2" in browser.get("/data", params={"search": "T-2"}).text
    assert "No matches" in browser.get("/data", params={"search": "%"}).text
    assert "net" in browser.get("/data", params={"kind": "model"}).text
    browser.get("/data", params={"kind": "nonsense"}, status=422)


def test_what_is_published_is_seen_by_strangers_and_what_is_not_is_not(portal):
    public, _ = put(portal, {"a.txt": b"1"}, name="open", public=True)
    private, _ = put(portal, {"a.txt": b"2"}, name="closed")
    stranger = portal.browser("stranger")
    page = stranger.get("/data", params={"public": "1"}).text
    assert "open" in page
    assert "House of owner" in page
    shown = stranger.get(f"/data/{public.id}").text
    assert "New version" not in shown
    assert "Delete" not in shown
    stranger.get(f"/data/{public.id}/versions/1")
    stranger.get(f"/data/{public.id}/versions/1/preview", params={"path": "a.txt"})
    stranger.get(f"/data/{public.id}/upload", status=404)
    stranger.get(f"/data/{public.id}/versions/1/split", status=404)
    for path in (
        "",
        "/upload",
        "/versions/1",
        "/versions/1/preview?path=a.txt",
        "/versions/1/picture?path=a.txt",
        "/versions/1/archive",
        "/versions/1/split",
    ):
        stranger.get(f"/data/{private.id}{path}", status=404)
    for path in ("about", "visibility", "delete", "versions/1/delete", "versions/1/split"):
        for repo in (public, private):
            stranger.send(f"/data/{repo.id}/{path}", {"visibility": "private", "confirm": repo.name, "by": "folder"}, on="/data", status=404)


def test_publishing_says_what_it_means_and_needs_a_licence(portal):
    repo, _ = put(portal, {"a": b"1"})
    browser = portal.browser("owner")
    assert "Name a licence above" in browser.get(f"/data/{repo.id}").text
    assert "Say under which licence" in browser.send(f"/data/{repo.id}/visibility", {"visibility": "public"}, status=422).text
    browser.send(f"/data/{repo.id}/about", {"licence": "other", "licence_text": "House licence", "description": "All roads."}, on=f"/data/{repo.id}")
    page = browser.get(f"/data/{repo.id}").text
    assert "House licence" in page
    assert "data-confirm" in page
    browser.send(f"/data/{repo.id}/visibility", {"visibility": "public"})
    portal.browser("stranger").get(f"/data/{repo.id}")
    colleague = portal.browser("colleague")
    assert "Unpublish" not in colleague.get(f"/data/{repo.id}").text
    colleague.send(f"/data/{repo.id}/visibility", {"visibility": "private"}, status=403)
    browser.send(f"/data/{repo.id}/visibility", {"visibility": "private"}, on=f"/data/{repo.id}")
    portal.browser("stranger").get(f"/data/{repo.id}", status=404)


def test_deleting_needs_the_name(portal):
    repo, _ = put(portal, {"a": b"1"})
    browser = portal.browser("owner")
    page = browser.send(f"/data/{repo.id}/delete", {"confirm": "road"}, on=f"/data/{repo.id}", status=422).text
    assert "Type the name exactly" in page
    browser.send(f"/data/{repo.id}/delete", {"confirm": "roads"}, on=f"/data/{repo.id}")
    assert "roads is deleted." in browser.get("/data").text
    browser.get(f"/data/{repo.id}", status=404)


def test_a_version_is_deleted(portal):
    repo, _ = put(portal, {"a": b"1"})
    put(portal, {"a": b"2"})
    browser = portal.browser("colleague")
    browser.send(f"/data/{repo.id}/versions/1/delete", on=f"/data/{repo.id}/versions/1")
    browser.get(f"/data/{repo.id}/versions/1", status=404)
    browser.get(f"/data/{repo.id}/versions/2")
    viewer = portal.browser("viewer")
    viewer.send(f"/data/{repo.id}/versions/2/delete", on=f"/data/{repo.id}/versions/2", status=403)


def test_folders_are_walked_in_pages(portal):
    repo, _ = put(
        portal, {**{f"road-{road}/{number}.txt": f"{road} {number}".encode() for road in range(3) for number in range(4)}, "README.md": b"hi"}
    )
    browser = portal.browser("viewer")
    top = browser.get(f"/data/{repo.id}/versions/1").text
    assert "4 files" in top
    inside = browser.get(f"/data/{repo.id}/versions/1", params={"folder": "road-1/", "limit": 3}).text
    assert "0.txt" in inside
    assert "3.txt" not in inside
    rest = inside.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "3.txt" in browser.get(rest).text
    assert "No files here" in browser.get(f"/data/{repo.id}/versions/1", params={"folder": "nowhere"}).text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_stay_text(portal, language):
    repo, _ = put(portal, {name: name.encode() for name in HOSTILE})
    browser = portal.browser("owner", language)
    browser.send(f"/data/{repo.id}/about", {"description": "<b>bold</b><script>x</script>"}, on=f"/data/{repo.id}")
    pages = [browser.get(f"/data/{repo.id}").text, browser.get("/data").text]
    pages.append(browser.get(f"/data/{repo.id}/versions/1").text)
    pages += [browser.get(f"/data/{repo.id}/versions/1/preview", params={"path": name}).text for name in HOSTILE]
    for page in pages:
        assert "<script>alert" not in page
        assert "<script>x" not in page
        assert "<img src=x" not in page
        assert "49.txt" not in page
        assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in page
    assert "<bdi>photo\u202egnp.exe</bdi>" in pages[2]


def test_previews_show_each_kind(portal):
    files = {
        "table.csv": b"name,length\nroad,3.5\n",
        "notes.json": b'{"a": 1}',
        "one.png": png(),
        "page.html": b"<script>alert(1)</script>",
        "weights.bin": bytes(range(256)),
        "rows.parquet": b"PAR1" + bytes(20),
        "scene.tif": b"II*\0" + bytes(20),
        "empty": b"",
    }
    repo, _ = put(portal, files)
    browser = portal.browser("viewer")

    def preview(path: str) -> str:
        return browser.get(f"/data/{repo.id}/versions/1/preview", params={"path": path}).text

    assert "decimal number" in preview("table.csv")
    assert "{&#34;a&#34;: 1}" in preview("notes.json")
    assert "1 × 1 pixels" in preview("one.png")
    assert "&lt;script&gt;alert(1)" in preview("page.html")
    assert "00000010  10 11 12" in preview("weights.bin")
    assert 'data-island="parquet"' in preview("rows.parquet")
    assert 'data-island="geotiff"' in preview("scene.tif")
    assert "The file is empty" in preview("empty")
    browser.get(f"/data/{repo.id}/versions/1/preview", params={"path": "nowhere"}, status=404)


def test_only_pictures_are_sent_as_such_and_can_run_nothing(portal):
    repo, _ = put(portal, {"one.jpg": png(), "page.png": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"})
    browser = portal.browser("owner")
    sent = browser.get(f"/data/{repo.id}/versions/1/picture", params={"path": "one.jpg"})
    assert sent.content == png()
    assert sent.headers["content-type"] == "image/png"
    assert sent.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert sent.headers["x-content-type-options"] == "nosniff"
    browser.get(f"/data/{repo.id}/versions/1/picture", params={"path": "page.png"}, status=404)


def test_a_version_is_fetched_whole(portal):
    repo, _ = put(portal, {"a.txt": b"1", "图/b.txt": b"22"})
    sent = portal.browser("viewer").get(f"/data/{repo.id}/versions/1/archive")
    with tarfile.open(fileobj=io.BytesIO(sent.content)) as archive:
        assert archive.getnames() == ["a.txt", "图/b.txt"]
    assert "roads-1.tar" in sent.headers["content-disposition"]


def test_the_split_assistant_shows_and_makes(portal):
    repo, _ = put(portal, {f"road-{road}/{number}.txt": f"{road} {number}".encode() for road in range(10) for number in range(2)})
    browser = portal.browser("colleague")
    path = f"/data/{repo.id}/versions/1/split"
    assert "Nothing is changed yet" in browser.get(path).text
    asked = {"by": "folder", "level": "1", "train": "80", "val": "10", "test": "10", "seed": "3"}
    page = browser.get(path, params=asked).text
    assert "80.0 %" in page
    assert "10 groups" in page
    where = browser.send(path, asked).headers["location"]
    assert where == f"/data/{repo.id}/versions/2?folder=splits%2F"
    shown = browser.get(where).text
    assert all(f"{part}.txt" in shown for part in ("train", "val", "test"))
    assert "Split 80/10/10 by folder level 1, seed 3." in shown


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"train": "70"}, "add up to 100"),
        ({"train": "many"}, "Write a whole number."),
        ({"by": "pattern", "pattern": "("}, "The regular expression cannot be read: missing ): (."),
        ({"by": "listing", "listing": "none.csv", "path_column": "a", "group_column": "b"}, "none.csv cannot be read as a listing"),
        ({"by": "moon"}, "Choose how files"),
        ({"level": "9"}, "There are 0 groups for 3 parts"),
    ],
)
def test_splits_that_cannot_be_are_told(portal, changed, sentence):
    repo, _ = put(portal, {f"road-{road}/a.txt": f"{road}".encode() for road in range(10)})
    browser = portal.browser("owner")
    asked = {"by": "folder", "train": "80", "val": "10", "test": "10", **changed, "prefix": ""}
    path = f"/data/{repo.id}/versions/1/split"
    assert sentence in browser.get(path, params=asked, status=422).text
    assert sentence in browser.send(path, asked, status=422).text
    portal.browser("viewer").get(path, status=403)


def test_pages_cost_the_same_however_much_there_is(portal):
    for number in range(12):
        repo, _ = put(portal, {f"f{file}/x": f"{number} {file}".encode() for file in range(number + 1)}, public=True)
        put(portal, {"a": str(number).encode()}, name=f"set-{number}", public=True)
    browser = portal.browser("owner")
    whole = f"/data/{repo.id}"
    paths = ["/data", "/data?public=1", "/data/new", whole, f"{whole}?limit=2", f"{whole}/upload", f"{whole}/versions/12", f"{whole}/versions/1"]
    paths += [f"{whole}/versions/12/preview?path=f0/x", f"{whole}/versions/12/split", f"{whole}/versions/12/split?by=folder"]
    for path in paths:
        browser.get(path)
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 12, (path, seen)
