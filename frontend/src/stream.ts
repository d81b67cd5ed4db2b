/** One stream for everything on the page that is live: `[data-live="topic"]`. A page whose tab is hidden holds no stream.
 *
 * It is read by fetch instead of EventSource, which can neither say where to go on after it was closed, nor tell a sign-in that has ended from
 * a server that restarts.
 */
import htmx from "htmx.org";
import { pauseAfter } from "./backoff";
import { connectionBack, connectionLost } from "./connection";
import { EventReader, Seen, parseLive, type LiveEvent } from "./sse";

const SILENT_MS = 45_000; // the server sends a comment every 15 s
const STEADY_MS = 5_000;

let running: AbortController | undefined;
let topics = "";
let lastId = "";
let failures = 0;
let again: ReturnType<typeof setTimeout> | undefined;
const seen = new Seen();
const waiting = new Map<Element, string>();
const late = new Map<Element, unknown>();
let drawing = 0;

/** Follow the page's topics for as long as somebody looks at it. */
export function startStream(): void {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : follow()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  addEventListener("online", follow);
  document.addEventListener("htmx:afterSettle", follow);
  document.addEventListener("focusout", () => setTimeout(draw));
  follow();
}

/** Open the stream, or open it anew when the topics of the page have changed. */
function follow(): void {
  const wanted = [...new Set([...document.querySelectorAll<HTMLElement>("[data-live]")].map(({ dataset }) => dataset["live"] ?? ""))].sort().join(",");
  if (document.hidden || (running && wanted === topics)) return;
  close();
  topics = wanted;
  if (topics) void listen();
}

function close(): void {
  clearTimeout(again);
  running?.abort();
  running = undefined;
}

async function listen(): Promise<void> {
  const mine = (running = new AbortController());
  const began = Date.now();
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const address = `${document.body.dataset["stream"] ?? "/stream"}?topics=${encodeURIComponent(topics)}`;
    const answer = await fetch(address, { headers, cache: "no-store", redirect: "manual", signal: mine.signal });
    if (answer.type === "opaqueredirect") return; // to where one signs in
    if (answer.status === 204 || (answer.status >= 400 && answer.status < 500 && answer.status !== 429)) return; // signed out, or nothing to hear: asking again helps nobody
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    connectionBack("stream");
    await read(answer.body, mine);
  } catch {
    // A stream ends by restarts and by bad networks; both are told by what comes below.
  }
  if (running !== mine) return;
  failures = Date.now() - began > STEADY_MS ? 0 : failures + 1;
  if (failures > 1) connectionLost("stream");
  again = setTimeout(() => void listen(), pauseAfter(failures, Math.random()));
}

async function read(body: ReadableStream<Uint8Array>, mine: AbortController): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  const events = new EventReader();
  let silence: ReturnType<typeof setTimeout> | undefined;
  const listening = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => void reader.cancel().catch(() => undefined), SILENT_MS);
  };
  try {
    for (listening(); ; listening()) {
      const { done, value } = await reader.read();
      if (done || mine.signal.aborted) return;
      const news = events.push(value);
      lastId = events.lastId || lastId;
      for (const event of news) {
        const told = parseLive(event.data);
        if (told && seen.accept(told)) take(told);
      }
    }
  } finally {
    clearTimeout(silence);
  }
}

function take(event: LiveEvent): void {
  for (const element of document.querySelectorAll<HTMLElement>(`[data-live="${CSS.escape(event.topic)}"]`)) {
    if (event.html !== undefined) waiting.set(element, event.html);
    if (event.data === undefined) continue;
    // A fragment that is fetched anew would take away what somebody is typing into it.
    if (element.hasAttribute("hx-get") && typingIn(element)) late.set(element, event.data);
    else tell(element, event.data);
  }
  if (waiting.size) drawing ||= requestAnimationFrame(draw);
}

function tell(element: Element, data: unknown): void {
  element.dispatchEvent(new CustomEvent("live", { detail: data }));
}

/** Put the newest HTML into its places; where somebody is typing it waits until they are through. */
function draw(): void {
  drawing = 0;
  for (const [element, data] of late) {
    if (typingIn(element)) continue;
    late.delete(element);
    if (element.isConnected) tell(element, data);
  }
  for (const [element, html] of waiting) {
    if (element.isConnected && typingIn(element)) continue;
    waiting.delete(element);
    if (!element.isConnected) continue;
    htmx.swap(element, html, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 20 });
  }
}

function typingIn(element: Element): boolean {
  const focused = document.activeElement;
  return focused !== null && element.contains(focused) && (focused.matches("input, textarea, select, [contenteditable]") || element.querySelector("dialog[open], details[open]") !== null);
}
