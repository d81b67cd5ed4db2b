// Makes the fonts of documents: Noto Sans SC with the characters that Chinese names and sentences are written in, and no more.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import subsetFont from "subset-font";

const FAMILY = "node_modules/@expo-google-fonts/noto-sans-sc";
const [FIRST_ROW, COMMON_ROW, RARE_ROW, LAST_ROW] = [0xa1, 0xb0, 0xd8, 0xf7];
// Bold letters are for titles, which are our own words: the 3,755 most common characters do. What a font lacks is taken from the other.
const WEIGHTS = { "document-regular.ttf": ["400Regular", LAST_ROW], "document-bold.ttf": ["700Bold", RARE_ROW - 1] };

/** Return the fonts' contents by their plain names. */
export async function fonts(here) {
  // Those of the Table of General Standard Chinese Characters (通用规范汉字表, 2013) that GB 2312 lacks, such as 昇, 玥 and 喆.
  const later = readFileSync(join(here, "src/characters.txt"), "utf8").trim();
  const made = {};
  for (const [name, [weight, lastRow]] of Object.entries(WEIGHTS)) {
    const whole = readFileSync(join(here, FAMILY, weight, `NotoSansSC_${weight}.ttf`));
    const wanted = latin() + chinese(lastRow) + (lastRow === LAST_ROW ? later : "");
    made[name] = await subsetFont(whole, wanted, { targetFormat: "truetype" });
  }
  return made;
}

/** Letters of Latin with their accents, and the signs of general punctuation. */
function latin() {
  const spans = [[0x20, 0x7e], [0xa0, 0x17f], [0x2010, 0x203b], [0x2190, 0x2193]];
  return spans.map(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => String.fromCodePoint(first + at)).join("")).join("");
}

/** Signs and characters of GB 2312 up to a row, in which the common ones come first. */
function chinese(lastRow) {
  const decoder = new TextDecoder("gb18030");
  let found = "";
  for (let row = FIRST_ROW; row <= lastRow; row++) {
    if (row > 0xa9 && row < COMMON_ROW) continue;
    for (let cell = 0xa1; cell <= 0xfe; cell++) found += decoder.decode(Uint8Array.of(row, cell));
  }
  return found.replace(/[\p{Co}\ufffd]/gu, "");
}
