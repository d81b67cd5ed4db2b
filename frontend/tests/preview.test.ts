import assert from "node:assert/strict";
import { test } from "node:test";
import { paint, span } from "../src/preview/bands";
import { cell } from "../src/preview/cells";

test("values of a table read as short text", () => {
  assert.equal(cell(null), "");
  assert.equal(cell(12345678901234567890n), "12345678901234567890");
  assert.equal(cell(new Date("2024-05-01T10:00:00Z")), "2024-05-01 10:00:00");
  assert.equal(cell(new Date(NaN)), "");
  assert.equal(cell(new Uint8Array([1, 255])), "01 ff");
  assert.match(cell(new Uint8Array(100)), /… \(100 B\)$/);
  assert.equal(cell({ a: 1n, b: [true] }), '{"a":"1","b":[true]}');
  assert.equal(cell("x".repeat(1000)).length, 301);
  assert.equal(cell("<b>x</b>"), "<b>x</b>");
});

test("a band is stretched between nearly its least and greatest values", () => {
  const band = Float32Array.from({ length: 1000 }, (_, at) => at);
  band[5] = 1e9;
  const [low, high] = span(band, null);
  assert.ok(low < 30 && high > 950 && high < 1000);
  assert.deepEqual(span([7, 7, 7], null), [7, 8]);
  assert.deepEqual(span([-9999, -9999], -9999), [0, 1]);
});

test("one band is grey, three are colours, no value is clear", () => {
  assert.deepEqual([...paint([[0, 10, -9999]], 3, -9999, [[0, 10]])], [0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
  assert.deepEqual([...paint([[255], [128], [0]], 1, null, [[0, 255], [0, 255], [0, 255]])], [255, 128, 0, 255]);
  assert.equal(paint([[NaN]], 1, null)[3], 0);
});
