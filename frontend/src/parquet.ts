/** The columns and first rows of a Parquet file: `<div data-island="parquet" data-src="…" data-size="…">`. Only what is shown is fetched, by ranges. */
import "./portal";
import { decompress } from "fzstd";
import { asyncBufferFromUrl, parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer, type FileMetaData } from "hyparquet";
import { inflate } from "pako";
import { make } from "./dom";
import { size } from "./figures";
import { cell } from "./preview/cells";
import { language, word } from "./words";

const ROWS = 100;
const MOST_COLUMNS = 100;
const MOST_FOOTER = 32 * 1024 * 1024;
const MOST_READ = 48 * 1024 * 1024;
const compressors = {
  GZIP: (input: Uint8Array): Uint8Array => inflate(input),
  ZSTD: (input: Uint8Array, length: number): Uint8Array => decompress(input, new Uint8Array(length)),
};

/** Show the table; what cannot be read is told in a sentence. */
export function start(element: HTMLElement): void {
  show(element).catch(() => tell(element, word("preview_failed")));
}

async function show(element: HTMLElement): Promise<void> {
  const { src = "", size: bytes = "0" } = element.dataset;
  element.setAttribute("aria-busy", "true");
  const file = await asyncBufferFromUrl({ url: src, byteLength: Number(bytes) });
  if ((await footer(file)) > MOST_FOOTER) return tell(element, word("preview_failed"));
  const metadata = await parquetMetadataAsync(file);
  const columns = parquetSchema(metadata).children.map(({ element: { name, type, logical_type, converted_type } }) => ({
    name,
    type: (logical_type?.type ?? converted_type ?? type ?? "GROUP").toLowerCase(),
  }));
  const chosen = readable(metadata);
  const rowEnd = Math.min(ROWS, Number(metadata.num_rows));
  // Rows packed in a way that is not read here leave the columns to be shown.
  const rows = chosen.length ? await parquetReadObjects({ file, metadata, columns: chosen, rowStart: 0, rowEnd, compressors }).catch(() => []) : [];
  element.removeAttribute("aria-busy");
  element.className = "";
  element.replaceChildren(table(columns, chosen, rows), summary(metadata, columns.length, rows.length));
}

/** The length of the description at the end of the file, as the file tells it. */
async function footer(file: AsyncBuffer): Promise<number> {
  if (file.byteLength < 12) throw new Error("short");
  return new DataView(await file.slice(file.byteLength - 8, file.byteLength)).getUint32(0, true);
}

/** The first columns whose beginning may be fetched without fetching too much. */
function readable(metadata: FileMetaData): string[] {
  const cost = new Map<string, number>();
  for (const { meta_data } of metadata.row_groups[0]?.columns ?? []) {
    const name = meta_data?.path_in_schema[0];
    if (name !== undefined) cost.set(name, (cost.get(name) ?? 0) + Number(meta_data?.total_compressed_size ?? 0));
  }
  let read = 0;
  return [...cost].filter(([, bytes]) => bytes <= MOST_READ - read && ((read += bytes), true)).map(([name]) => name).slice(0, MOST_COLUMNS);
}

function table(columns: { name: string; type: string }[], chosen: string[], rows: Record<string, unknown>[]): HTMLElement {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const shown = chosen.length ? chosen : columns.slice(0, MOST_COLUMNS).map(({ name }) => name);
  const heads = shown.map((name) => make("th", { scope: "col" }, make("bdi", {}, name), make("span", { class: "sub" }, types.get(name) ?? "")));
  const lines = rows.map((row) => make("tr", {}, ...shown.map((name) => make("td", { class: typeof row[name] === "number" || typeof row[name] === "bigint" ? "number" : undefined }, make("bdi", {}, cell(row[name]))))));
  return make(
    "div",
    { class: "table-responsive", tabindex: 0, role: "region", "aria-label": word("preview_rows") },
    make("table", { class: "table card-table table-sm" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines)),
  );
}

function summary(metadata: FileMetaData, columns: number, rows: number): HTMLElement {
  const all = new Intl.NumberFormat(language()).format(metadata.num_rows);
  const bytes = metadata.row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0);
  return make("div", { class: "card-footer text-secondary" }, word("preview_parquet", { rows: all, columns, shown: rows, size: size(bytes) }));
}

function tell(element: HTMLElement, sentence: string): void {
  element.removeAttribute("aria-busy");
  element.replaceChildren(make("p", { class: "mb-0", role: "status" }, sentence));
}
