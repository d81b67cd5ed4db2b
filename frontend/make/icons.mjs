// Reads the drawings of the icons that icons.json names: each a single path of lines, drawn by the style of `.icon`.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = new URL("../node_modules/@tabler/icons/icons/outline/", import.meta.url);

/** Return the paths of icons by their names. */
export function icons(names) {
  return Object.fromEntries([...names].sort().map((name) => [name, path(readFileSync(new URL(`${name}.svg`, FOLDER), "utf8"))]));
}

/** An esbuild plugin that gives scripts the icons: `icons:all`, and in `icons:scripts` those that a script of a folder names. */
export function drawing(all, folder) {
  return {
    name: "icons",
    setup(build) {
      build.onResolve({ filter: /^icons:/ }, ({ path }) => ({ path, namespace: "icons" }));
      build.onLoad({ filter: /./, namespace: "icons" }, ({ path }) => ({
        contents: JSON.stringify(path === "icons:all" ? all : namedIn(folder, all)),
        loader: "json",
      }));
    },
  };
}

function namedIn(folder, all) {
  const scripts = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".ts"));
  const text = scripts.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  return Object.fromEntries(Object.entries(all).filter(([name]) => text.includes(`"${name}"`)));
}

/** The lines of a drawing as one path: each begins with a move to an absolute place, so they can stand one after another. */
function path(svg) {
  const lines = [...svg.matchAll(/<path(?! stroke="none")[^>]*? d="(M[^"]+)"/g)].map(([, line]) => line);
  if (lines.length === 0) throw new Error(`No lines in ${svg}`);
  return lines.join("");
}
