/** Puts many small files into one tar archive, as a list of parts that the browser reads only while it sends them. Pure. */
const BLOCK = 512;

export interface Member {
  name: string;
  size: number;
  content: Blob;
}

/** Return the parts of an archive. Names are ASCII of at most 100 characters, such as digests. */
export function tarOf(members: Member[]): Blob {
  const parts: BlobPart[] = [];
  for (const { name, size, content } of members) {
    parts.push(header(name, size) as Uint8Array<ArrayBuffer>, content);
    if (size % BLOCK) parts.push(new Uint8Array(BLOCK - (size % BLOCK)));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}

/** Return one member's header in the ustar form. */
export function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const write = (text: string, at: number): void => void new TextEncoder().encodeInto(text, block.subarray(at));
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  write(name, 0);
  write(octal(0o644, 7), 100);
  write(octal(0, 7), 108);
  write(octal(0, 7), 116);
  write(octal(size, 11), 124);
  write(octal(0, 11), 136);
  write("        ", 148);
  write("0", 156);
  write("ustar\x0000", 257);
  const sum = block.reduce((whole, byte) => whole + byte, 0);
  write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
