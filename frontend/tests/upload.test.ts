import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { tidy } from "../src/upload/collect";
import { BUNDLE_BYTES, Line, Loads, totals, type Item } from "../src/upload/plan";
import { Rate } from "../src/upload/rate";
import { tarOf } from "../src/upload/tar";

const file = (name: string, size = 1): File => ({ name, size }) as File;
const item = (path: string, size: number, more: Partial<Item> = {}): Item => ({ path, file: file(path, size), state: "waiting", at: 0, digest: undefined, reason: undefined, ...more });
const paths = (...names: string[]): string[] => tidy(names.map((path) => ({ path, file: file(path) }))).map(({ path }) => path);

test("the one folder that holds everything is left out of the paths", () => {
  assert.deepEqual(paths("set/b.txt", "set/a/c.txt"), ["a/c.txt", "b.txt"]);
  assert.deepEqual(paths("one/a", "two/b"), ["one/a", "two/b"]);
  assert.deepEqual(paths("a.txt"), ["a.txt"]);
  assert.deepEqual(paths("set/.DS_Store", "set/中文/数 据.csv"), ["中文/数 据.csv"]);
  assert.deepEqual(paths(".DS_Store"), []);
});

test("an archive of ours is one that tar reads", async () => {
  const long = new Uint8Array(1500).fill(66);
  const members = [
    { name: "a".repeat(64), size: 3, content: new Blob(["abc"]) },
    { name: "b".repeat(64), size: 0, content: new Blob([]) },
    { name: "c".repeat(64), size: 1500, content: new Blob([long]) },
  ];
  const archive = new Uint8Array(await tarOf(members).arrayBuffer());
  assert.equal(archive.length % 512, 0);
  const listed = execFileSync("tar", ["-tvf", "-"], { input: archive }).toString();
  assert.deepEqual(listed.trim().split("\n").map((line) => [line.split(/\s+/)[2], line.split(/\s+/).at(-1)]), members.map(({ name, size }) => [String(size), name]));
  assert.equal(execFileSync("tar", ["-xOf", "-", "c".repeat(64)], { input: archive }).toString(), "B".repeat(1500));
});

test("large files travel alone, small ones together up to a bound", () => {
  const loads = new Loads();
  assert.deepEqual(loads.take(item("big", 1 << 21))?.length, 1);
  assert.equal(loads.take(item("a", 100)), undefined);
  const many = Array.from({ length: 70 }, (_, at) => loads.take(item(`f${at}`, 1_000_000))).filter(Boolean);
  assert.equal(many.length, 1);
  assert.ok((many[0] ?? []).reduce((sum, { file: { size } }) => sum + size, 0) <= BUNDLE_BYTES);
  assert.ok((loads.rest()?.length ?? 0) > 0);
  assert.equal(loads.rest(), undefined);
});

test("totals count what is through, on its way and failed", () => {
  const sum = totals([item("a", 10, { state: "done" }), item("b", 10, { state: "sending", at: 4 }), item("c", 10, { state: "failed" }), item("d", 10, { state: "checking", at: 5 })]);
  assert.deepEqual(sum, { files: 4, bytes: 40, doneFiles: 1, doneBytes: 14, checkedBytes: 35, failed: 1, keeping: false });
  assert.ok(totals([item("a", 10, { state: "sending", at: 10 })]).keeping);
});

test("a line gives each thing once, and nothing after its end", async () => {
  const line = new Line<number>();
  const early = line.take();
  line.put(1);
  line.put(2);
  assert.equal(await early, 1);
  assert.equal(await line.take(), 2);
  const late = line.take();
  line.end();
  assert.equal(await late, undefined);
  assert.equal(await line.take(), undefined);
});

test("the rate is that of the last seconds, and says nothing too early", () => {
  const rate = new Rate();
  rate.add(0, 0);
  assert.equal(rate.perSecond(500), undefined);
  for (let at = 1; at <= 60; at++) rate.add(1000, at * 1000);
  assert.ok(Math.abs((rate.perSecond(60_000) ?? 0) - 1000) < 1);
  assert.ok(Math.abs((rate.secondsLeft(30_000, 60_000) ?? 0) - 30) < 1);
  for (let at = 61; at <= 90; at++) rate.add(5000, at * 1000);
  assert.ok(Math.abs((rate.perSecond(90_000) ?? 0) - 5000) < 1, "what was long ago does not count");
  rate.restart();
  assert.equal(rate.perSecond(91_000), undefined);
});
