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
