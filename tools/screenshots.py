"""Takes a picture of every page of the portal in both languages, wide and narrow, into ./screenshots: `python tools/screenshots.py [part of a name]`.

It runs a centre of its own in which a few things have happened. The list of pages is also what the tests look over.
"""

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from wutong.app.trial import Account, TrialCentre

OUT = Path("screenshots")
CHROMIUM = os.environ.get("WUTONG_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
WIDTHS = {"wide": 1280, "narrow": 390}
LOCALES = {"zh": "zh-CN", "en": "en-US"}


@dataclass(frozen=True)
class Place:
    """A page, and who looks at it: anybody, a tenant's owner, an operator."""

    name: str
    path: str
    who: str


@dataclass(frozen=True)
class Settled:
    """A centre in which something has happened."""

    owner: Account
    operator: str
    ended_job: str
    failed_job: str
    repo: str

    def secret(self, who: str) -> str | None:
        """Return the session of somebody."""
        return {"owner": self.owner.token, "operator": self.operator}.get(who)


def settle(centre: TrialCentre) -> Settled:
    """Let a tenant register, top up, upload and run jobs."""
    owner = centre.tenant("江城视觉科技有限公司", top_up_fen=2_000_000)
    repo = centre.call("POST", "/repos", token=owner.token, body={"kind": "dataset", "name": "road-surface", "licence": "CC-BY-4.0"})
    said = 'for n in 1 2 3 4 5; do echo "epoch $n loss 0.$((9 - n))"; done'
    ended = _submit(centre, owner, name="first-training", command=f"{said}; echo done > $WUTONG_OUTPUTS/model.txt")
    failed = _submit(centre, owner, name="数据清洗", command="echo 'no such column: width' >&2; exit 3")
    for job_id in (ended, failed):
        centre.await_settled(job_id, token=owner.token)
    return Settled(owner, centre.operator(), ended, failed, str(repo["id"]))


def _submit(centre: TrialCentre, owner: Account, **about: Any) -> str:
    body = {"flavour": "cpu.1", "environment": "python-3.11", "time_limit_s": 600, **about}
    return str(centre.call("POST", "/jobs", token=owner.token, body=body)["id"])


def places(settled: Settled) -> list[Place]:
    """Return every page."""
    month = time.strftime("%Y-%m")
    return [
        Place("front", "/", "anybody"),
        Place("sign-in", "/sign-in", "anybody"),
        Place("sign-up", "/sign-up", "anybody"),
        Place("not-found", "/no/such/page", "anybody"),
        Place("overview", "/overview", "owner"),
        Place("jobs", "/jobs", "owner"),
        Place("job-new", "/jobs/new", "owner"),
        Place("job-ended", f"/jobs/{settled.ended_job}", "owner"),
        Place("job-failed", f"/jobs/{settled.failed_job}", "owner"),
        Place("jobs-compare", f"/jobs/compare?id={settled.ended_job}&id={settled.failed_job}", "owner"),
        Place("data", "/data", "owner"),
        Place("data-set", f"/data/{settled.repo}", "owner"),
        Place("data-upload", f"/data/{settled.repo}/upload", "owner"),
        Place("buy", "/buy", "owner"),
        Place("bill", f"/bill?month={month}", "owner"),
        Place("organisation", "/organisation", "owner"),
        Place("account", "/account", "owner"),
        Place("console", "/console", "operator"),
    ]


def main() -> int:
    """Take all pictures, or those with a part of a name in theirs."""
    OUT.mkdir(exist_ok=True)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, sync_playwright() as driver:
        home = Path(folder)
        home.chmod(0o755)
        centre = TrialCentre(home, slots=8, allow_unconfined_tenants=True).start()
        try:
            settled = settle(centre)
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            for place in places(settled):
                if wanted in place.name:
                    _shoot(browser, centre, settled, place)
        finally:
            centre.stop()
    return 0


def _shoot(browser: Browser, centre: TrialCentre, settled: Settled, place: Place) -> None:
    for language, locale in LOCALES.items():
        for width_name, width in WIDTHS.items():
            context = browser.new_context(base_url=centre.url, locale=locale, viewport={"width": width, "height": 900}, timezone_id="Asia/Shanghai")
            secret = settled.secret(place.who)
            if secret:
                context.add_cookies([{"name": "wutong_session", "value": secret, "url": centre.url}])
            page = context.new_page()
            page.goto(place.path)
            page.wait_for_timeout(400)
            path = OUT / f"{place.name}.{language}.{width_name}.png"
            page.screenshot(path=path, full_page=True)
            context.close()
            print(path)


if __name__ == "__main__":
    sys.exit(main())
