/** One upload by tus 1.0: announce, send from where the server stands, finish. Goes on after breaks of any kind for as long as it is let. */
import { pauseAfter } from "../backoff";
import { connectionBack, connectionLost } from "../connection";
import { csrfToken } from "../requests";
import { ask, refusal, Refused, type Entry } from "./api";
import { Unreadable } from "./digests";

const VERSION = { "Tus-Resumable": "1.0.0" };
const PIECE_BYTES = 64 * 1024 * 1024;

export interface Sending {
  content: Blob;
  about: Record<string, string>;
  /** Where an earlier try was announced. */
  location: string | undefined;
  /** Called with the address as soon as there is one. */
  announced: (location: string) => void;
  /** Called with the offset as bytes go out. */
  tell: (offset: number) => void;
  /** Waits while the reader has paused, throws when they gave up. */
  gate: () => Promise<AbortSignal>;
}

/** Send it all; returns what the server made of it. */
export async function send(sending: Sending): Promise<Entry[]> {
  let location = sending.location;
  for (let failures = 0; ; ) {
    const signal = await sending.gate();
    try {
      location ??= await announce(sending);
      const offset = await offsetOf(location);
      sending.tell(offset);
      await appendFrom(sending, location, offset, signal);
      const done = await ask<{ files: Entry[] }>("POST", `${location}/finish`);
      connectionBack("upload");
      return done.files;
    } catch (error) {
      if (error instanceof Refused && [404, 410].includes(error.status) && location) {
        location = undefined; // it was kept for a week, or given up, and is gone
        continue;
      }
      if (!signal.aborted && error instanceof Refused && !error.passing) throw error;
      if (!(error instanceof Refused) && !signal.aborted) throw error;
      if (signal.aborted) continue;
      await readable(sending.content);
      failures += 1;
      connectionLost("upload");
      await new Promise((resolve) => setTimeout(resolve, pauseAfter(failures, Math.random())));
    }
  }
}

/** Give an upload up; the server lets its room go. */
export async function forget(location: string): Promise<void> {
  await fetch(location, { method: "DELETE", headers: { ...VERSION, "X-CSRF-Token": csrfToken() } }).catch(() => undefined);
}

async function announce({ content, about, announced }: Sending): Promise<string> {
  const metadata = Object.entries(about).map(([key, value]) => `${key} ${base64(value)}`).join(",");
  const headers = { ...VERSION, "Upload-Length": String(content.size), "Upload-Metadata": metadata, "X-CSRF-Token": csrfToken() };
  const answer = await fetchOr("/api/v1/uploads", { method: "POST", headers });
  const location = new URL(answer.headers.get("Location") ?? "", window.location.href).pathname;
  announced(location);
  return location;
}

async function offsetOf(location: string): Promise<number> {
  const answer = await fetchOr(location, { method: "HEAD", headers: VERSION, cache: "no-store" });
  return Number(answer.headers.get("Upload-Offset"));
}

async function fetchOr(address: string, request: RequestInit): Promise<Response> {
  const answer = await fetch(address, request).catch(() => {
    throw new Refused(0, "unreachable", "");
  });
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return answer;
}

async function appendFrom({ content, tell }: Sending, location: string, from: number, signal: AbortSignal): Promise<void> {
  for (let offset = from; offset < content.size; ) {
    const start = offset;
    offset = await append(location, start, content.slice(start, start + PIECE_BYTES), (sent) => tell(start + sent), signal);
    connectionBack("upload");
    tell(offset);
  }
}

/** Send one piece; fetch cannot say how much is out, so this is the older interface. */
function append(location: string, offset: number, piece: Blob, tell: (sent: number) => void, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = (): void => request.abort();
    request.open("PATCH", location);
    for (const [name, value] of Object.entries({ ...VERSION, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream", "X-CSRF-Token": csrfToken() }))
      request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => tell(loaded);
    request.onloadend = () => {
      signal.removeEventListener("abort", stop);
      if (request.status >= 200 && request.status < 300) resolve(Number(request.getResponseHeader("Upload-Offset") ?? offset + piece.size));
      else reject(request.status ? refusal(request.status, request.responseText) : new Refused(0, "unreachable", ""));
    };
    signal.addEventListener("abort", stop);
    request.send(piece);
  });
}

/** A file that was changed or taken away fails like a broken connection; only reading it tells. */
async function readable(content: Blob): Promise<void> {
  try {
    await content.slice(0, 1).arrayBuffer();
  } catch {
    throw new Unreadable();
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
