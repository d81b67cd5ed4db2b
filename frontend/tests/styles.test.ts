import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name: string): string => readFileSync(`${HERE}/src/styles/${name}`, "utf8");

/** All tokens with their colours in light and in dark. */
const TOKENS = new Map(
  [...(read("tokens.css") + read("logview.css")).matchAll(/(--[\w-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)/g)].map(([, name, light, dark]) => [name as string, [light as string, dark as string] as const]),
);

function luminance(colour: string): number {
  const hex = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const share = parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(text: string, ground: string, dark: 0 | 1): number {
  const [one, other] = [text, ground].map((name) => luminance((TOKENS.get(name) ?? assert.fail(name))[dark]));
  return (Math.max(one as number, other as number) + 0.05) / (Math.min(one as number, other as number) + 0.05);
}

function passes(text: string, ground: string, least: number): void {
  for (const dark of [0, 1] as const) {
    const found = contrast(text, ground, dark);
    assert.ok(found >= least, `${text} on ${ground}${dark ? " in the dark" : ""}: ${found.toFixed(2)}`);
  }
}

const GROUNDS = ["--tblr-body-bg", "--tblr-bg-surface", "--tblr-bg-surface-secondary", "--tblr-bg-surface-tertiary", "--tblr-hover-bg"];

test("text passes AA on every ground", () => {
  for (const ground of [...GROUNDS, "--tblr-active-bg"]) {
    for (const text of ["--tblr-body-color", "--tblr-secondary", "--tblr-link-color", "--tblr-link-hover-color", "--tblr-heading-color"]) passes(text, ground, 4.5);
  }
  for (const tone of ["primary", "success", "warning", "danger", "info", "secondary"]) passes(`--tblr-${tone}-fg`, `--tblr-${tone}`, 4.5);
  for (const text of ["--tblr-tertiary", "--tblr-danger", "--tblr-warning", "--tblr-success", "--tblr-info"]) passes(text, "--tblr-bg-surface", 4.5);
});

test("states pass AA on their own ground and on cards", () => {
  for (const state of ["waiting", "queued", "running", "good", "warn", "bad"]) {
    passes(`--state-${state}`, `--state-${state}-bg`, 4.5);
    passes(`--state-${state}`, "--tblr-bg-surface", 4.5);
    passes("--tblr-body-color", `--state-${state}-bg`, 4.5);
  }
});

test("lines of charts, rims of fields and the focus stand out", () => {
  for (let series = 1; series <= 6; series++) passes(`--series-${series}`, "--tblr-bg-surface", 3);
  for (const ground of GROUNDS) passes("--tblr-focus-ring-color", ground, 3);
  passes("--tblr-border-active-color", "--tblr-bg-forms", 3);
});

test("the colours of a log can be read", () => {
  for (let colour = 0; colour < 16; colour++) passes(`--c${colour}`, "--log-ground", 4.5);
});

test("states have a style each", () => {
  const states = read("states.css");
  for (const state of ["waiting", "queued", "running", "succeeded", "failed", "cancelled", "preempted"]) assert.match(states, new RegExp(`\\.state-${state}\\b`));
});
