/** htmx as the portal uses it: nothing evaluated, nothing inline, our CSRF header, our own origin only, and calm when the centre is away. */
import htmx from "htmx.org";
import { connectionBack, connectionLost, whenBack } from "./connection";
import { toast } from "./toasts";
import { word } from "./words";

interface RequestConfig {
  verb: string;
  path: string;
  headers: Record<string, string>;
}
interface Failed {
  elt: Element;
  target: Element;
  xhr: XMLHttpRequest;
  requestConfig: RequestConfig;
  pathInfo: { finalRequestPath: string; responsePath: string | null };
}

const AWAY = new Set([0, 502, 503, 504]);

/** Set htmx up; call before the document is ready. */
export function startRequests(): void {
  Object.assign(htmx.config, {
    allowEval: false,
    allowScriptTags: false,
    includeIndicatorStyles: false,
    selfRequestsOnly: true,
    historyCacheSize: 0, // a page of one person must not stay in the browser for the next
    refreshOnHistoryMiss: true,
    attributesToSettle: ["class", "width", "height"],
    scrollBehavior: "auto",
    responseHandling: [
      { code: "204", swap: false },
      { code: "[23]..", swap: true },
      { code: "422", swap: true },
      { code: "[45]..", swap: false, error: true },
    ],
  });
  document.addEventListener("htmx:configRequest", (event) => {
    (event as CustomEvent<RequestConfig>).detail.headers["X-CSRF-Token"] = csrfToken();
  });
  document.addEventListener("htmx:sendError", (event) => failed((event as CustomEvent<Failed>).detail));
  document.addEventListener("htmx:responseError", (event) => failed((event as CustomEvent<Failed>).detail));
  // A fragment that was sent on to a whole page: the sign-in has ended, and a page does not belong into a part of another.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = (event as CustomEvent<Failed>).detail;
    const sentOn = pathInfo.responsePath && plain(pathInfo.responsePath) !== plain(pathInfo.finalRequestPath);
    if (!sentOn || !/^\s*<!doctype/i.test(xhr.responseText)) return;
    (event as CustomEvent<{ shouldSwap: boolean }>).detail.shouldSwap = false;
    location.reload();
  });
  document.addEventListener("htmx:afterOnLoad", () => connectionBack("requests"));
}

/** The token that every request which changes something carries. */
export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

/** What went wrong, in the server's own sentence where it sent one. */
export function sentenceOf(body: string, otherwise: string): string {
  try {
    const told = JSON.parse(body) as { error?: { message?: string } };
    return told.error?.message ?? otherwise;
  } catch {
    return otherwise;
  }
}

function plain(path: string): string {
  return path.split(/[?#]/, 1)[0] ?? path;
}

function failed({ elt, target, xhr, requestConfig }: Failed): void {
  if (!AWAY.has(xhr.status)) {
    if (!xhr.getResponseHeader("HX-Trigger")) toast({ text: sentenceOf(xhr.responseText, word("request_failed")), kind: "bad" });
    return;
  }
  connectionLost("requests");
  if (requestConfig.verb === "get") whenBack(() => void (elt.isConnected && htmx.ajax("get", requestConfig.path, { source: elt, target })));
  // What changes something is not sent twice of our own accord: the first may have arrived.
  else toast({ text: word("not_sent"), kind: "warn" });
}
