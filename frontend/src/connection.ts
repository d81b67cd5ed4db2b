/** Whether the centre answers: a calm banner while it does not, and a way to hear when it does again. */
import { icon, make } from "./dom";
import { pauseAfter } from "./backoff";
import { word } from "./words";

const SHOW_AFTER_MS = 1_500;

const lost = new Set<string>();
const hearing: (() => void)[] = [];
let banner: HTMLElement | undefined;
let showing: ReturnType<typeof setTimeout> | undefined;
let tries = 0;
let asking = false;

/** Say that something did not get through. The centre is asked until it answers; then everyone who waits hears. */
export function connectionLost(who: string): void {
  lost.add(who);
  showing ??= setTimeout(show, SHOW_AFTER_MS); // a restart of a second or so is nobody's business
  if (!asking) askAgain();
}

/** Say that something got through again. */
export function connectionBack(who: string): void {
  lost.delete(who);
  if (lost.size === 0) hide();
}

/** Call once when the centre answers again. */
export function whenBack(act: () => void): void {
  hearing.push(act);
}

function askAgain(): void {
  asking = true;
  setTimeout(() => void look(), pauseAfter(tries++, Math.random()));
}

async function look(): Promise<void> {
  try {
    const answer = await fetch(document.body.dataset["ping"] ?? "/health", { cache: "no-store", signal: AbortSignal.timeout(8_000) });
    if (answer.status >= 500) throw new Error(String(answer.status));
  } catch {
    askAgain();
    return;
  }
  asking = false;
  tries = 0;
  lost.clear();
  hide();
  for (const act of hearing.splice(0)) act();
}

function show(): void {
  if (lost.size === 0) return;
  banner ??= make("div", { class: "connection-banner", role: "status", hidden: true }, icon("cloud-off"), make("span"));
  if (!banner.isConnected) document.body.prepend(banner);
  banner.hidden = false;
  const text = banner.querySelector("span");
  if (text) text.textContent = word("connection_lost");
}

function hide(): void {
  clearTimeout(showing);
  showing = undefined;
  if (banner) banner.hidden = true;
}
