// Builds the front end into the folder that is given: style sheet, modules, sprite, marks, words, and manifest.json that names them all.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import * as esbuild from "esbuild";
import { fonts } from "./fonts.mjs";
import { drawing, icons } from "./icons.mjs";
import { purging } from "./purge.mjs";

const HERE = new URL("..", import.meta.url).pathname;
const TARGET = ["chrome111", "edge111", "firefox115", "safari16.4"];
const MODULES = ["portal", "charts", "logview", "upload", "palette"];
// What pages show at once, and have loaded together with what every page needs.
const AHEAD = ["charts.js", "logview.js"];
// What ends up in what is built; the others only build it. Bootstrap is part of Tabler's style sheet.
const SHIPPED = ["@expo-google-fonts/noto-sans-sc", "@noble/hashes", "@tabler/core", "@tabler/icons", "fzstd", "geotiff", "htmx.org", "hyparquet", "pako", "uplot"];
const MARKS = ["mark.svg", "favicon.svg"];

const out = resolve(process.argv[2] ?? join(HERE, "../src/wutong/web/static/built"));
const draft = `${out}.draft`;
const manifest = {};

/** Write a file under a name that carries the hash of its content, and return that name. */
function keep(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8);
  const hashed = name.replace(/(\.[^.]+)$/, `.${hash}$1`);
  writeFileSync(join(draft, hashed), content);
  manifest[name] = hashed;
  return hashed;
}

/** Bundle one entry to text. */
async function bundle(entry, options) {
  const built = await esbuild.build({
    entryPoints: [join(HERE, "src", entry)],
    bundle: true,
    minify: true,
    write: false,
    target: TARGET,
    legalComments: "none",
    logLevel: "warning",
    ...options,
  });
  return built.outputFiles[0].contents;
}

/** Build the modules, which share chunks and take from the icons what they name. `define` tells them the names of what else was built. */
async function modules(drawn, define) {
  const built = await esbuild.build({
    entryPoints: Object.fromEntries(MODULES.map((name) => [name, join(HERE, "src", `${name}.ts`)])),
    outdir: draft,
    entryNames: "[name].[hash]",
    chunkNames: "chunk.[hash]",
    format: "esm",
    splitting: true,
    bundle: true,
    minify: true,
    metafile: true,
    target: TARGET,
    define,
    plugins: [drawing(drawn, join(HERE, "src"))],
    legalComments: "none",
    logLevel: "warning",
    absWorkingDir: HERE,
  });
  for (const [path, output] of Object.entries(built.metafile.outputs)) {
    const entry = output.entryPoint && basename(output.entryPoint, ".ts");
    if (entry && MODULES.includes(entry)) manifest[`${entry}.js`] = basename(path);
  }
  skipStub(built.metafile.outputs);
  const always = imported(built.metafile.outputs, manifest["portal.js"]);
  manifest.preload = [...always].sort().join(" ");
  for (const name of AHEAD) {
    const more = [...imported(built.metafile.outputs, manifest[name])].filter((each) => !always.has(each) && each !== manifest["portal.js"]);
    manifest[`preload:${name}`] = [manifest[name], ...more.sort()].join(" ");
  }
}

/** As islands import portal.ts too, its code is in a chunk that its own file only names: pages ask for that chunk at once. */
function skipStub(outputs) {
  const [path] = Object.entries(outputs).find(([, { inputs }]) => inputs["src/portal.ts"]?.bytesInOutput > 0);
  rmSync(join(draft, manifest["portal.js"]));
  manifest["portal.js"] = basename(path);
}

/** What a module imports at once, directly or not: a page that names these loads them all together. */
function imported(outputs, name, found = new Set()) {
  const [, output] = Object.entries(outputs).find(([path]) => basename(path) === name);
  for (const { path, kind } of output.imports) {
    if (kind !== "import-statement" || found.has(basename(path))) continue;
    found.add(basename(path));
    imported(outputs, basename(path), found);
  }
  return found;
}

/** The licences of everything that is built in, as they ask for. */
function licences() {
  return SHIPPED.map((name) => {
    const folder = join(HERE, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const files = existsSync(folder) ? readdirSync(folder).filter((found) => /^licen[cs]e/i.test(found)) : [];
    const text = files.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n") || notice(join(folder, "dist/css/tabler.css"));
    return `${name} ${version} (${license})\n\n${text}\n`;
  }).join("\n\n");
}

/** The copyright notice at the head of a style sheet. */
function notice(path) {
  return readFileSync(path, "utf8").match(/\/\*![\s\S]*?\*\//)?.[0] ?? "";
}

const json = (name) => JSON.parse(readFileSync(join(HERE, name), "utf8"));
rmSync(draft, { recursive: true, force: true });
mkdirSync(draft, { recursive: true });
const drawn = icons(json("icons.json"));
keep("icons.json", JSON.stringify(drawn));
for (const mark of MARKS) keep(mark, readFileSync(join(HERE, "src", mark)));
keep("licences.txt", licences());
for (const [name, font] of Object.entries(await fonts(HERE))) keep(name, font);
keep("words.json", JSON.stringify(json("words.json")));
keep("portal.css", await bundle("styles/portal.css", { plugins: [purging({ classes: json("classes.json"), ...json("unused.json") }, join(HERE, "src"))], external: ["*.svg"] }));
keep("theme.js", await bundle("theme.ts", { format: "iife" }));
const digester = keep("digester.js", await bundle("upload/digester.ts", { format: "iife" }));
await modules(drawn, { DIGESTER_NAME: JSON.stringify(digester) });
writeFileSync(join(draft, "manifest.json"), `${JSON.stringify(manifest, Object.keys(manifest).sort(), 1)}\n`);
rmSync(out, { recursive: true, force: true });
renameSync(draft, out);
