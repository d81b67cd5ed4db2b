/** Gathers files out of what was dropped or chosen, with their paths below the folder. */
export interface Found {
  path: string;
  file: File;
}

// What systems leave in every folder that somebody has looked at.
const LITTER = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

/** Read everything that was dropped, folders with all that is in them. Must be called while the event is handled. */
export async function fromDrop(items: DataTransferItemList): Promise<Found[]> {
  const entries = [...items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry());
  const found: Found[] = [];
  for (const entry of entries) if (entry) await walk(entry, found);
  return tidy(found);
}

/** A file or folder that some browsers let a page keep, and ask for again after a reload. */
export interface Handle extends FileSystemHandle {
  requestPermission?(wanted: { mode: "read" }): Promise<PermissionState>;
  values?(): AsyncIterable<Handle>;
  getFile?(): Promise<File>;
}

/** Get handles of what was dropped, where the browser gives any. Must be called while the event is handled. */
export async function handlesOf(items: DataTransferItemList): Promise<Handle[]> {
  const asked = [...items].filter(({ kind }) => kind === "file").map((item) => (item as DataTransferItem & { getAsFileSystemHandle?: () => Promise<Handle | null> }).getAsFileSystemHandle?.());
  const given: (Handle | null | undefined)[] = await Promise.all(asked).catch(() => []);
  return given.filter((handle) => handle !== null && handle !== undefined);
}

/** Read everything below handles that were kept; nothing where the person or the browser does not let us. */
export async function fromHandles(handles: Handle[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const handle of handles) {
    if ((await handle.requestPermission?.({ mode: "read" })) !== "granted") return [];
    await walkHandle(handle, handle.name, found);
  }
  return tidy(found);
}

async function walkHandle(handle: Handle, path: string, into: Found[]): Promise<void> {
  if (handle.getFile) into.push({ path, file: await handle.getFile() });
  else if (handle.values) for await (const child of handle.values()) await walkHandle(child, `${path}/${child.name}`, into);
}

/** Read a file field; of a chosen folder the paths are told. */
export function fromField(files: FileList): Found[] {
  return tidy([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** Leave out litter, and the name of the one folder that everything is in: what is in it is the content. Pure. */
export function tidy(found: Found[]): Found[] {
  const kept = found.filter(({ path }) => !LITTER.has(path.slice(path.lastIndexOf("/") + 1)));
  const top = kept[0]?.path.split("/", 1)[0] ?? "";
  const one = kept.length > 0 && kept.every(({ path }) => path.startsWith(`${top}/`));
  const cut = one ? top.length + 1 : 0;
  return kept.map(({ path, file }) => ({ path: path.slice(cut), file })).sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function walk(entry: FileSystemEntry, into: Found[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    into.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives a hundred entries at a time, and none when it is through.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const child of some) await walk(child, into);
  }
}
