"""A real centre on this machine and a real browser before it. `make test-browser` installs Chromium; without it these tests are skipped.

Every page that a test opens is watched: a request to another host, an error of a script, or something that the Content-Security-Policy refused
fails the test.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from wutong.app.trial import TrialCentre

CHROMIUM = os.environ.get("WUTONG_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
LOCALES = {"zh": "zh-CN", "en": "en-US"}
PATIENCE_MS = 60_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no browser, and give real processes time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed; make setup-browser installs it"))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives the browser."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests; each has contexts of its own."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialCentre]:
    """A whole centre: real processes, real database, real engine."""
    home = tmp_path_factory.mktemp("centre")
    home.chmod(0o755)
    running = TrialCentre(home, slots=8, allow_unconfined_tenants=True).start()
    yield running
    running.stop()


@dataclass
class Watched:
    """What went wrong on pages while they were looked at."""

    host: str
    troubles: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Watch a page."""
        page.on("request", lambda request: self._request(request.url))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self.host:
            self.troubles.append(f"request to {url}")

    def _said(self, kind: str, text: str) -> None:
        # What was refused on purpose (a wrong password) is written into the console too, as the status of its answer.
        if kind == "error" and not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.troubles.append(f"console: {text}")


@dataclass
class Visitors:
    """Opens windows of people in a language, and tells what went wrong on any of their pages."""

    browser: Browser
    centre: TrialCentre
    watched: Watched

    @contextmanager
    def window(self, language: str = "zh", *, secret: str | None = None, width: int = 1280, dark: bool = False) -> Iterator[Page]:
        """Open a window; `secret` signs its person in."""
        scheme = "dark" if dark else "light"
        context: BrowserContext = self.browser.new_context(
            base_url=self.centre.url,
            locale=LOCALES[language],
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            timezone_id="Asia/Shanghai",
        )
        if secret:
            context.add_cookies([{"name": "wutong_session", "value": secret, "url": self.centre.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        self.watched.follow(page)
        try:
            yield page
        finally:
            context.close()


@pytest.fixture
def visitors(chromium: Browser, centre: TrialCentre) -> Iterator[Visitors]:
    """Windows onto the centre; at the end nothing may have gone wrong on any page."""
    watched = Watched(urlsplit(centre.url).netloc)
    yield Visitors(chromium, centre, watched)
    assert watched.troubles == []


def violations(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 AA on a page."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
    return [f"{page.url}: {each['id']}: {node['target']} {node['failureSummary']}" for each in found["violations"] for node in each["nodes"]]
