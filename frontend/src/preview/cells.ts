/** How values of a table read in a cell: short, as text, whatever they are. Pure. */
const MOST = 300;
const MOST_BYTES = 16;

/** Write one value. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace("T", " ").replace(/\.000Z$|Z$/, "");
  if (value instanceof Uint8Array) return bytes(value);
  if (typeof value === "object") return short(JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? each.toString() : each instanceof Uint8Array ? bytes(each) : each)) ?? "");
  return short(String(value));
}

function bytes(value: Uint8Array): string {
  const shown = Array.from(value.subarray(0, MOST_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return value.length > MOST_BYTES ? `${shown} … (${value.length} B)` : shown;
}

function short(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
