import assert from "node:assert/strict";
import { test } from "node:test";
import { pauseAfter } from "../src/backoff";
import { EventReader, parseLive, Seen } from "../src/sse";

const STREAM = 'retry: 1000\nid: 0\n\n: still here\n\nid: 1\ndata: {"topic":"a","data":{}}\n\nid: 2\r\ndata: two\r\ndata: lines\r\n\r\nevent: x\ndata:y\n\ndata: cut';

test("events come whole and in their order, in whatever pieces the stream arrives", () => {
  for (const step of [1, 2, 5, 1000]) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < STREAM.length; at += step) events.push(...reader.push(STREAM.slice(at, at + step)));
    assert.deepEqual(events, [
      { id: "1", type: "message", data: '{"topic":"a","data":{}}' },
      { id: "2", type: "message", data: "two\nlines" },
      { id: "2", type: "x", data: "y" },
    ], `in pieces of ${step}`);
    assert.equal(reader.lastId, "2");
    assert.equal(reader.retryMs, 1000);
  }
});

test("what was seen is dropped, by topic; what has no id never is", () => {
  const seen = new Seen(3);
  assert.ok(seen.accept({ topic: "a", id: 1 }));
  assert.ok(!seen.accept({ topic: "a", id: 1 }));
  assert.ok(seen.accept({ topic: "b", id: 1 }));
  assert.ok(seen.accept({ topic: "a" }));
  assert.ok(seen.accept({ topic: "a" }));
  for (const id of [2, 3, 4, 5]) assert.ok(seen.accept({ topic: "a", id }));
  assert.ok(!seen.accept({ topic: "a", id: 5 }));
});

test("what is none of ours is passed over", () => {
  assert.equal(parseLive("no json"), undefined);
  assert.equal(parseLive("[1]"), undefined);
  assert.equal(parseLive('{"data":1}'), undefined);
  assert.deepEqual(parseLive('{"topic":"a","html":"<b>"}'), { topic: "a", html: "<b>" });
});

test("pauses grow, stay within bounds and differ by chance", () => {
  assert.ok(pauseAfter(0, 0) >= 200 && pauseAfter(0, 1) <= 600);
  assert.ok(pauseAfter(3, 0.5) > pauseAfter(1, 0.5));
  assert.ok(pauseAfter(1000, 1) <= 15_000);
  assert.notEqual(pauseAfter(4, 0), pauseAfter(4, 1));
});
