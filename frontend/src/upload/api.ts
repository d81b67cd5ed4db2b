/** The calls of the hub that an upload makes, with the reader's session. An answer that is no success becomes a `Refused` with the server's sentence. */
import { csrfToken } from "../requests";

export interface Entry {
  path: string;
  size_bytes: number;
  sha256: string;
}
export interface Repo {
  id: string;
  name: string;
}
export interface Version {
  id: string;
  repo_id: string;
  number: number;
}

/** The centre said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same may go through later: the centre is away, busy, or has not noticed that the last connection broke. */
  get passing(): boolean {
    return this.status === 0 || this.status >= 500 ? this.status !== 507 : [409, 423, 429].includes(this.status);
  }
}

/** Ask the centre something. */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", "X-CSRF-Token": csrfToken() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, cache: "no-store", ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    throw new Refused(0, "unreachable", "");
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Make an error of an answer's body. */
export function refusal(status: number, body: string): Refused {
  try {
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    return new Refused(status, error.code, error.message);
  } catch {
    return new Refused(status, "unknown", `HTTP ${status}`);
  }
}

/** Find the repository by its name, or make it. */
export async function repository(kind: string, name: string, licence: string, description: string): Promise<Repo> {
  const listed = await ask<{ items: Repo[] }>("GET", `/api/v1/repos?kind=${encodeURIComponent(kind)}&name=${encodeURIComponent(name)}`);
  const own = listed.items.find((repo) => repo.name === name);
  return own ?? ask<Repo>("POST", "/api/v1/repos", { kind, name, licence: licence || "proprietary", description });
}

/** Which contents have to travel. */
export async function missing(digests: string[]): Promise<Set<string>> {
  return new Set((await ask<{ missing: string[] }>("POST", "/api/v1/blobs/missing", { digests })).missing);
}

/** Make the version. */
export function commit(repoId: string, files: Entry[], note: string): Promise<Version> {
  return ask<Version>("POST", `/api/v1/repos/${encodeURIComponent(repoId)}/versions`, { files, note });
}
