/** A worker that computes the sha256 of files. The browser's own hash is six times as quick but wants all bytes at once, and is missing on plain http. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const WHOLE_BYTES = 192 * 1024 * 1024;
const PIECE_BYTES = 4 * 1024 * 1024;

/** What the worker is asked, and what it answers: bytes done, and in the end the digest or that the file cannot be read. */
export interface Ask {
  id: number;
  file: File;
}
export interface Answer {
  id: number;
  done: number;
  digest?: string;
  unreadable?: boolean;
}

const worker = self as unknown as { onmessage: (event: MessageEvent<Ask>) => void; postMessage(answer: Answer): void };

worker.onmessage = ({ data: { id, file } }) => {
  digestOf(file, (done) => worker.postMessage({ id, done })).then(
    (digest) => worker.postMessage({ id, done: file.size, digest }),
    () => worker.postMessage({ id, done: 0, unreadable: true }),
  );
};

async function digestOf(file: File, tell: (done: number) => void): Promise<string> {
  if (file.size <= WHOLE_BYTES && self.crypto.subtle) return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    tell(Math.min(file.size, at + PIECE_BYTES));
  }
  return bytesToHex(hash.digest());
}
