import assert from "node:assert/strict";
import { test } from "node:test";
import { LineIndex, lineEnds } from "../src/logview/lineindex";
import { ScrollMap, MOST_PX } from "../src/logview/scroll";
import { LineFinder } from "../src/logview/search";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("line ends are found", () => {
  assert.deepEqual([...lineEnds(bytes("a\n\nbc\nd"))], [1, 2, 5]);
  assert.equal(lineEnds(bytes("")).length, 0);
});

/** Count the chunks of a text into an index, in the given order. */
function indexOf(text: string, chunkBytes: number, order?: number[]): LineIndex {
  const index = new LineIndex(chunkBytes);
  const all = bytes(text);
  index.resize(all.length);
  for (const chunk of order ?? Array.from({ length: index.chunks }, (_, at) => at)) {
    const piece = all.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
    index.set(chunk, lineEnds(piece).length, chunk === index.chunks - 1 && piece.at(-1) !== 10);
  }
  return index;
}

test("a whole log is counted exactly, in whatever order it was read", () => {
  const text = Array.from({ length: 500 }, (_, at) => `line ${at} ${"x".repeat(at % 37)}`).join("\n");
  for (const chunkBytes of [16, 100, 4096, 1 << 20]) {
    const count = Math.ceil(bytes(text).length / chunkBytes);
    const backwards = Array.from({ length: count }, (_, at) => count - 1 - at);
    for (const order of [undefined, backwards]) {
      const index = indexOf(text, chunkBytes, order);
      assert.equal(index.total, 500);
      assert.ok(index.exact(index.chunks - 1));
    }
  }
});

test("every line is found in the chunk in which it ends", () => {
  const index = indexOf("aa\nbb\ncccccccccc\ndd\n", 4);
  const found = [0, 1, 2, 3].map((line) => index.locate(line).chunk);
  assert.deepEqual(found, [0, 1, 4, 4]);
  assert.deepEqual(index.locate(3), { chunk: 4, line: 1 });
  assert.equal(index.before(4), 2);
});

test("what was not read is guessed at, and known not to be certain", () => {
  const index = new LineIndex(1000);
  index.resize(10_000);
  index.set(0, 100, false);
  assert.ok(Math.abs(index.total - 1000) < 30, String(index.total));
  assert.ok(index.exact(1));
  assert.ok(!index.exact(2));
  assert.ok(index.locate(500).chunk >= 4 && index.locate(500).chunk <= 5);
});

test("a log that grows counts its last chunk anew", () => {
  const index = indexOf("a\nb\nc", 100);
  assert.equal(index.total, 3);
  index.resize(9);
  assert.ok(!index.knows(0));
  index.set(0, 4, true);
  assert.equal(index.total, 5);
  index.set(0, 4, false);
  assert.equal(index.total, 4);
});

test("a text that fits is scrolled pixel by pixel", () => {
  const map = new ScrollMap();
  Object.assign(map, { text: 10_000, window: 500 });
  map.scrolled(1234);
  assert.equal(map.top, 1234);
  assert.equal(map.go(Infinity), 9_500);
  assert.ok(map.atEnd);
});

test("a text too tall for the bar is reached in full, and small steps stay small", () => {
  const map = new ScrollMap();
  Object.assign(map, { text: 90_000_000, window: 500 });
  assert.equal(map.height, MOST_PX);
  map.scrolled(MOST_PX / 2);
  assert.ok(Math.abs(map.top - 45_000_000) < 10_000, "a drag goes to a share");
  const before = map.top;
  map.scrolled(MOST_PX / 2 + 100);
  assert.equal(map.top, before + 100);
  const bar = map.settle();
  assert.ok(Math.abs(bar - MOST_PX / 2) < 50, "the bar goes back to where the text is");
  map.scrolled(MOST_PX - 500);
  assert.ok(map.atEnd);
  map.scrolled(0);
  assert.equal(map.top, 0);
});

test("a search finds lines in whatever pieces the text comes", () => {
  const text = "one\nTwo needle\nthree\nneedle needle\nlast NEEDLE";
  for (const step of [1, 3, 7, 100]) {
    const finder = new LineFinder("needle");
    for (let at = 0; at < text.length; at += step) finder.push(text.slice(at, at + step));
    finder.finish();
    assert.deepEqual(finder.lines, [1, 3, 4], `in pieces of ${step}`);
  }
});
