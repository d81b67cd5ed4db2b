"""What is committed: no machine's paths, no registry's hosts, reference pages that say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.house.conftest import ROOT

from wutong.kit.settings import Settings

# Put together at run time, so that this file does not hold what it looks for.
PATHS = ["/" + name for name in ("work/", "root/", "opt/wheels", "opt/pypi", "home/[a-z]+/")]
HOSTS = [r"https?://[^ )\"'>]*(?:pypi|simple/|artifactory|nexus|jfrog|mirrors?\.)[^ )\"'>]*"]
LOOKED_AT = {".py", ".md", ".toml", ".txt", ".lock", ".yml", ".yaml", ".sh", ".json", ".cfg", ".ini", ""}


def test_no_machines_path_and_no_registrys_host(tracked: tuple[Path, ...]) -> None:
    wrong = re.compile("|".join([*PATHS, *HOSTS]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in tracked
        if path.suffix in LOOKED_AT and path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := wrong.search(line))
    ]
    assert not found, "\n".join(found)


def test_every_locked_package_has_a_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.split(r"^(?=[a-zA-Z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)
        assert [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "docs.py", "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_described() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"`WUTONG_{name.upper()}`" in page


def test_every_room_has_its_page() -> None:
    rooms = [path.parent.name for path in (ROOT / "src" / "wutong").glob("*/__init__.py") if path.parent.name not in {"sdk", "cli", "api"}]
    pages = {path.stem for path in (ROOT / "docs" / "how-it-works").glob("*.md")}
    nouns = {room: {room, *(path.name for path in (ROOT / "src" / "wutong" / room).iterdir() if path.is_dir())} for room in rooms}
    missing = [room for room in rooms if not pages & nouns[room]]
    assert not missing, "\n".join(missing)


def test_every_command_of_make_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
    assert targets == explained


def test_links_between_pages_lead_somewhere(tracked: tuple[Path, ...]) -> None:
    broken = []
    for path in tracked:
        if path.suffix == ".md":
            for target in re.findall(r"\]\((?!https?:|mailto:|#|/)([^)#\s]+)", path.read_text()):
                if not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert not broken, "\n".join(broken)
