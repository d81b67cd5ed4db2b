import assert from "node:assert/strict";
import { test } from "node:test";
import { markHits, nearest, parseAnsi, plainText } from "../src/logview/ansi";

const ESC = "\x1b";

test("plain text is one span, and an empty line none", () => {
  assert.deepEqual(parseAnsi("loss=0.5 <b>x</b>"), [{ text: "loss=0.5 <b>x</b>", style: "" }]);
  assert.deepEqual(parseAnsi(""), []);
});

test("colours and weights turn on and off", () => {
  assert.deepEqual(parseAnsi(`${ESC}[1;31mERROR${ESC}[0m: ${ESC}[92mok${ESC}[39m.`), [
    { text: "ERROR", style: "a-bold a-f1" },
    { text: ": ", style: "" },
    { text: "ok", style: "a-f10" },
    { text: ".", style: "" },
  ]);
  assert.deepEqual(parseAnsi(`${ESC}[44;1ma${ESC}[22mb${ESC}[49mc`).map(({ style }) => style), ["a-bold a-b4", "a-b4", ""]);
});

test("an empty code resets", () => {
  assert.deepEqual(parseAnsi(`${ESC}[31ma${ESC}[mb`).map(({ style }) => style), ["a-f1", ""]);
});

test("256 and true colours come to the sixteen, with either divider", () => {
  assert.equal(parseAnsi(`${ESC}[38;5;196mred`)[0]?.style, "a-f9");
  assert.equal(parseAnsi(`${ESC}[38;2;0;200;0mgreen`)[0]?.style, "a-f2");
  assert.equal(parseAnsi(`${ESC}[38:5:21mblue`)[0]?.style, "a-f12");
  assert.equal(parseAnsi(`${ESC}[48;5;240;1mgrey`)[0]?.style, "a-bold a-b8");
  for (let colour = 0; colour < 256; colour++) assert.ok(nearest(colour) >= 0 && nearest(colour) < 16, String(colour));
});

test("what is no colour is dropped: cursor moves, titles, links, character sets", () => {
  assert.equal(plainText(`a${ESC}[2Kb${ESC}[10;5Hc${ESC}[?25ld`), "abcd");
  assert.equal(plainText(`${ESC}]0;evil title\x07text`), "text");
  assert.equal(plainText(`${ESC}]8;;http://x.example${ESC}\\link${ESC}]8;;${ESC}\\`), "link");
  assert.equal(plainText(`${ESC}(Bx${ESC}=y`), "xy");
  assert.equal(plainText(`end${ESC}`), "end");
  assert.equal(plainText(`cut${ESC}[31`), "cut");
});

test("a carriage return leaves what was written last, as a progress bar means it", () => {
  assert.equal(plainText("10%\r 50%\r100%"), "100%");
  assert.equal(plainText("dos line\r"), "dos line");
  assert.equal(plainText("10%\r100%\r"), "100%");
});

test("control characters are shown, and marks that turn the direction of writing are defused", () => {
  assert.equal(plainText("a\x00b\x07c\td"), "a␀b␇c\td");
  assert.equal(plainText("evil\u202etxt.exe"), "evil\ufffdtxt.exe");
});

test("hits are marked across spans and whatever their case", () => {
  const spans = [
    { text: "Foo b", style: "a-f1" },
    { text: "ar foo", style: "" },
  ];
  assert.deepEqual(markHits(spans, "foo"), [
    { text: "Foo", style: "a-f1 a-hit" },
    { text: " b", style: "a-f1" },
    { text: "ar ", style: "" },
    { text: "foo", style: "a-hit" },
  ]);
  assert.deepEqual(markHits(spans, "bar")[1], { text: "b", style: "a-f1 a-hit" });
  assert.equal(markHits(spans, "").length, 2);
  assert.equal(markHits(spans, "foo").map(({ text }) => text).join(""), "Foo bar foo");
});
