/** The words of scripts: what the page brings in `<template id="words" data-json="…">`, else English. `words.json` lists every key. */
import english from "../words.json";

export type Word = keyof typeof english;

let own: Partial<Record<string, string>> | undefined;

/** Return a sentence, its `{name}`s filled in. */
export function word(key: Word, values: Record<string, string | number> = {}): string {
  return said(key).replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

function said(key: Word): string {
  own ??= read();
  return own[key] ?? english[key] ?? key;
}

/** The language of the page, for Intl. */
export function language(): string {
  return document.documentElement.lang || "en";
}

function read(): Partial<Record<string, string>> {
  const given = document.getElementById("words")?.dataset["json"];
  if (!given) return {};
  try {
    return JSON.parse(given) as Record<string, string>;
  } catch {
    return {};
  }
}
