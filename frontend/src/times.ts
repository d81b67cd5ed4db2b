/** Shows every `<time datetime data-style>` in the reader's zone, and tells the server that zone for its next page. */
import { found, whenever } from "./dom";
import { language } from "./words";
import { sayExactly, sayTime, type Reader, type TimeStyle } from "./timeformat";

const REFRESH_MS = 30_000;
const YEAR_S = 31_536_000;

/** Show all times, those that come later, and relative ones again each half minute. The server's own are there to begin with: the page is drawn first. */
export function startTimes(): void {
  requestAnimationFrame(() => setTimeout(start)); // a browser takes 50 ms to find out which zone it is in
}

function start(): void {
  tellZone();
  whenever((root) => show(root, "time[datetime]"));
  setInterval(() => void (document.hidden || show(document.documentElement, 'time[datetime][data-style="relative"]')), REFRESH_MS);
  document.addEventListener("visibilitychange", () => void (document.hidden || show(document.documentElement, 'time[data-style="relative"]')));
}

function show(root: Element, selector: string): void {
  const now = new Date();
  const reader: Reader = { lang: language(), zone: undefined };
  for (const element of found<HTMLTimeElement>(root, selector)) {
    const moment = new Date(element.dateTime);
    const style = element.dataset["style"] as TimeStyle | undefined;
    if (Number.isNaN(moment.getTime()) || !style) continue;
    const said = sayTime(moment, style, reader, now);
    if (element.textContent !== said) element.textContent = said;
    element.title ||= sayExactly(moment, reader);
  }
}

function tellZone(): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.includes(`wutong_zone=${zone}`)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `wutong_zone=${zone}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
}
