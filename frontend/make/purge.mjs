// Cuts from the base style sheet what no page of the portal uses: classes that classes.json does not list, and the patterns in unused.json.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import postcss from "postcss";

/** Return the sheet without rules whose every selector is unused, without properties nothing reads, and without what that leaves empty. */
export function purge(css, { classes, selectors, properties, readers }) {
  const [used, unused, unread] = [new Set(classes), new RegExp(selectors.join("|")), new RegExp(`^(?:${properties.join("|")})$`)];
  const root = postcss.parse(css);
  root.walkRules((rule) => {
    if (rule.parent.type === "atrule" && /keyframes$/.test(rule.parent.name)) return;
    const kept = rule.selectors.filter((selector) => !unused.test(selector) && classesOf(selector).every((name) => used.has(name)));
    if (kept.length === 0) rule.remove();
    else if (kept.length < rule.selectors.length) rule.selectors = kept;
  });
  root.walkComments((comment) => void comment.remove());
  root.walkDecls(/^--/, (declaration) => void (unread.test(declaration.prop) && declaration.remove()));
  while (removeUnread(root, readers));
  const played = new Set([...`${root.toString()}${readers}`.matchAll(/animation(?:-name)?:([^;}]+)/g)].flatMap(([, names]) => names.split(/[\s,]+/)));
  root.walkAtRules(/keyframes$/, (frames) => void (!played.has(frames.params) && frames.remove()));
  root.walkRules((rule) => void (rule.nodes.length === 0 && rule.remove()));
  root.walkAtRules((at) => void (at.nodes?.length === 0 && at.remove()));
  return root.toString();
}

/** The classes that an element needs for a selector to meet it; what stands in `:not()` and its like narrows or is a choice. */
function classesOf(selector) {
  const plain = selector.replace(/:(?:not|is|where|has)\([^)]*\)/g, "");
  return [...plain.matchAll(/\.((?:[\w-]|\\.)+)/g)].map(([, name]) => name);
}

/** Remove the custom properties that neither the sheet nor our own styles and scripts read; one may have been read by another of them alone. */
function removeUnread(root, readers) {
  const read = new Set([...root.toString().matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name));
  let removed = false;
  root.walkDecls(/^--/, (declaration) => {
    if (read.has(declaration.prop) || readers.includes(declaration.prop)) return;
    declaration.remove();
    removed = true;
  });
  return removed;
}

/** An esbuild plugin that purges every style sheet of the base. `folder` holds our own styles and scripts, which read its properties. */
export function purging(uses, folder) {
  const ours = readdirSync(folder, { recursive: true }).filter((name) => /\.(?:css|ts)$/.test(name));
  const readers = ours.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  return {
    name: "purge",
    setup(build) {
      build.onLoad({ filter: /@tabler[\\/]core[\\/].*\.css$/ }, (found) => ({
        contents: purge(readFileSync(found.path, "utf8"), { ...uses, readers }),
        loader: "css",
      }));
    },
  };
}
