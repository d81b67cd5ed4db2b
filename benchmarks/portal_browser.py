"""In a real browser: what a first visit loads and when it is ready, when the first lines of a log of 100 MB stand there, how it scrolls.

Times are the browser's own, from the beginning of a navigation to the end of the frame in which a thing is seen. Each visit is the first of a fresh
profile, in a browser that has started: starting is what a person did in the morning. It draws by software, so a person's machine is quicker.
"""

import os
import shutil
from typing import Any

from city import City
from rows import Row

from wutong.app.trial import TrialCentre
from wutong.web import assets

LOG_BYTES = 100 * 1024 * 1024
LINE = "step 100 loss 0.1234 accuracy 0.9876 some more words of a log"
CHROMIUM = os.environ.get("WUTONG_CHROMIUM") or shutil.which("chromium") or ""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
VISITS = 7
# A new profile has the browser start processes beforehand, for pages to come; on two cores that is work beside the page.
SETTLED_MS = 2_000

# Notes when something stands on the page first, in milliseconds since the navigation began: after the frame that draws it. A list stands with what
# follows its last row.
_WATCH = """(() => {
  const wanted = {list: '#rows tbody tr:last-child', chart: '[data-island=chart] canvas', lines: '.logview-rows'};
  const there = {chart: () => true, lines: each => each.textContent.includes('loss'), list: () => document.querySelector('#rows .toolbar-row')};
  const open = new Set(Object.keys(wanted)), told = {};
  window.stood = {};
  for (const name of open) window.stood[name] = new Promise(resolve => { told[name] = resolve; });
  const look = () => { for (const name of open) if ([...document.querySelectorAll(wanted[name])].some(there[name])) {
    open.delete(name);
    requestAnimationFrame(() => setTimeout(() => told[name](performance.now())));
  } };
  new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
})()"""
# Scrolls on for three seconds, counting the frames that were drawn.
_SCROLL = """async () => {
  const box = document.querySelector('.logview-scroll'); let frames = 0; const began = performance.now();
  while (performance.now() - began < 3000) { box.scrollTop += 200; frames += 1; await new Promise(requestAnimationFrame); }
  return 1000 * frames / (performance.now() - began);
}"""


def rows_of(city: City) -> list[Row]:
    """Start the centre, and look at it."""
    if not CHROMIUM:
        return [Row("in a browser", "left out: Chromium is not installed")]
    centre = city.centre.start()
    try:
        return _look(centre, city)
    finally:
        centre.stop()


def _look(centre: TrialCentre, city: City) -> list[Row]:
    from playwright.sync_api import sync_playwright

    long_log = _print_much(centre, city.settled.owner.token)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))

        def fresh() -> Any:
            context = browser.new_context(base_url=centre.url, locale="zh-CN", viewport={"width": 1280, "height": 900})
            context.add_cookies([{"name": "wutong_session", "value": city.settled.owner.token, "url": centre.url}])
            context.add_init_script(_WATCH)
            page = context.new_page()
            page.goto(assets.url_of("licences.txt"))  # has the process of these pages, with their policies, and keeps nothing that pages load
            page.wait_for_timeout(SETTLED_MS)
            return page

        first = [_first_load(fresh()) for _ in range(VISITS)]
        chart = sorted(_stood(fresh(), f"/jobs/{city.settled.objects['trained']}", "chart") for _ in range(VISITS))
        shown = sorted(_stood(fresh(), f"/jobs/{long_log}", "lines") for _ in range(VISITS))
        frames = _scrolled(fresh(), long_log)
        browser.close()
    half = VISITS // 2
    return [
        Row("first load of the job list: bytes packed", f"{max(size for size, _ in first) / 1000:.0f} kB", target="<= 260 kB"),
        Row("first load of the job list: drawn and ready, median", f"{sorted(ready for _, ready in first)[half]:.0f} ms", target="<= 600 ms"),
        Row("first load of a job's page: chart drawn, median (processor time of the page)", _both(chart[half]), target="<= 600 ms"),
        Row(f"log of {LOG_BYTES // 2**20} MB: first lines drawn, median (processor time of the page)", _both(shown[half]), target="<= 500 ms"),
        Row("log of 100 MB: frames a second while scrolling", f"{frames:.0f}", target=">= 50"),
    ]


def _both(times: tuple[float, float]) -> str:
    return f"{times[0]:.0f} ms ({times[1]:.0f} ms)"


def _print_much(centre: TrialCentre, token: str) -> str:
    body = {"name": "long-log", "command": f"yes '{LINE}' | head -c {LOG_BYTES}", "flavour": "cpu.1", "time_limit_s": 3600}
    job_id = str(centre.call("POST", "/jobs", token=token, body=body)["id"])
    job = centre.await_settled(job_id, token=token, patience_s=300)
    assert job["state"] == "succeeded", job
    return job_id


def _first_load(page: Any) -> tuple[int, float]:
    """Load the list of jobs with nothing kept; returns the bytes that came over the wire, and when the list was drawn and all scripts had run."""
    sizes: list[float] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    page.goto("/jobs", wait_until="load")
    drawn = page.evaluate("() => window.stood.list")
    ready = page.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd")
    page.wait_for_timeout(1500)
    return int(sum(sizes)), max(float(drawn), float(ready))


def _stood(page: Any, path: str, name: str) -> tuple[float, float]:
    """Return when something stood on a page first, and the processor time that the page's main thread had taken by then."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path, wait_until="commit")
    stood = float(page.evaluate(f"() => window.stood['{name}']"))
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return stood, 1000 * metrics["TaskDuration"]


def _scrolled(page: Any, job_id: str) -> float:
    _stood(page, f"/jobs/{job_id}", "lines")
    page.locator(".logview-scroll").scroll_into_view_if_needed()
    page.evaluate("() => { document.querySelector('.logview-scroll').scrollTop = 0; }")
    return float(page.evaluate(_SCROLL))
