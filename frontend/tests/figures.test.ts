import assert from "node:assert/strict";
import { test } from "node:test";
import { extremes, figure, stacked, timeTicks } from "../src/charts/scale";
import { duration, grouped, size } from "../src/figures";
import { sayExactly, sayTime } from "../src/timeformat";

const NOW = new Date("2026-11-22T08:00:00Z");
const zh = { lang: "zh-CN", zone: "Asia/Shanghai" };
const en = { lang: "en", zone: "UTC" };
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);

test("whole numbers read in groups of three", () => {
  for (const count of [0, 7, 999, 1000, 56_789, 123_456, 1_234_567_890]) {
    assert.equal(grouped(count), new Intl.NumberFormat("zh-CN").format(count));
    assert.equal(grouped(count), new Intl.NumberFormat("en").format(count));
  }
});

test("times read in the reader's zone and language", () => {
  assert.equal(sayTime(NOW, "datetime", zh, NOW), "2026-11-22 16:00");
  assert.equal(sayTime(NOW, "date", en, NOW), "2026-11-22");
  assert.equal(sayTime(ago(200), "relative", en, NOW), "3 minutes ago");
  assert.equal(sayTime(ago(200), "relative", zh, NOW), "3分钟前");
  assert.equal(sayTime(ago(-7200), "relative", en, NOW), "in 2 hours");
  assert.equal(sayTime(ago(0), "relative", en, NOW), "now");
  assert.equal(sayTime(ago(30 * 86_400), "relative", zh, NOW), "2026-10-23");
  assert.match(sayExactly(NOW, zh), /^2026-11-22 16:00:00 GMT\+8$/);
});

test("sizes and durations read as the server writes them", () => {
  assert.deepEqual([0, 1023, 1536, 12 * 1024 ** 3, 999.7 * 1024].map(size), ["0 B", "1023 B", "1.5 KiB", "12 GiB", "1000 KiB"]);
  assert.equal(duration(3_725, "en"), "1 hr 2 min");
  assert.equal(duration(0, "en"), "0 sec");
  assert.equal(duration(90_000, "zh-CN"), "1天 1小时");
});

test("figures of charts carry their unit", () => {
  assert.equal(figure(12.345, "%", "en"), "12.35%");
  assert.equal(figure(1536, "B", "en"), "1.5 KiB");
  assert.equal(figure(1234.5, "¥", "en"), "¥1,234.50");
  assert.equal(figure(null, "%", "en"), "—");
  assert.equal(figure(0.01234, "", "en"), "0.0123");
});

test("ticks name times within days and dates where days begin", () => {
  const midnight = Date.UTC(2026, 10, 22) / 1000;
  assert.deepEqual(timeTicks([midnight, midnight + 7200], 86_400, "UTC"), ["11-22", "02:00"]);
  assert.deepEqual(timeTicks([midnight], 60 * 86_400, "UTC"), ["11-22"]);
  assert.deepEqual(timeTicks([midnight + 65], 120, "UTC"), ["01:05"]);
});

test("stacks add up, and extremes pass over gaps", () => {
  assert.deepEqual(stacked([[1, 2], [3, null]]), [[1, 2], [4, 2]]);
  assert.deepEqual(extremes([null, 3, 1, null]), { least: 1, most: 3, latest: 1 });
  assert.equal(extremes([null]), undefined);
});
