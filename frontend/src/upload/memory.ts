/** What the browser remembers of an upload over a reload: digests that were computed, and where large files were announced. */
import type { Handle } from "./collect";

const DATABASE = "wutong-uploads";
const STORE = "plans";

export interface Remembered {
  key: string;
  files: number;
  bytes: number;
  doneBytes: number;
  at: number;
  /** What the form said. */
  fields: Record<string, string>;
  /** The files and folders themselves, where the browser lets us keep them. */
  handles: Handle[];
  /** By path, size and time of change. */
  digests: Record<string, string>;
  /** By digest, or `bundle:` and a number. */
  locations: Record<string, string>;
}

/** The name by which a file is known again. */
export function fingerprint(path: string, file: File): string {
  return `${path}\0${file.size}\0${file.lastModified}`;
}

/** Read what is remembered of an upload. */
export async function recall(key: string): Promise<Remembered | undefined> {
  return run<Remembered | undefined>("readonly", (store) => store.get(key) as IDBRequest<Remembered | undefined>).catch(() => undefined);
}

/** Remember how an upload stands. A browser that keeps nothing only means that a reload begins anew. */
export async function remember(plan: Remembered): Promise<void> {
  await run("readwrite", (store) => store.put(plan)).catch(() => undefined);
}

/** Forget an upload. */
export async function drop(key: string): Promise<void> {
  await run("readwrite", (store) => store.delete(key)).catch(() => undefined);
}

async function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await new Promise<IDBDatabase>((done, failed) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => failed(opening.error);
  });
  try {
    return await new Promise<T>((done, failed) => {
      const request = act(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
  } finally {
    database.close();
  }
}
