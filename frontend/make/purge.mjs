// Cuts from the base style sheet what no page of the portal uses, by the patterns in unused.json. A rule goes when all its selectors go.
import { readFileSync } from "node:fs";
import postcss from "postcss";

/** Return the sheet without rules whose every selector is unused, without properties nothing reads, and without what that leaves empty. */
export function purge(css, { classes, selectors, properties }) {
  const unused = new RegExp(`\\.(?:${classes.join("|")})(?![\\w-])|${selectors.join("|")}`);
  const unread = new RegExp(`^(?:${properties.join("|")})$`);
  const root = postcss.parse(css);
  const read = new Set([...css.matchAll(/var\((--[\w-]+)/g)].map((found) => found[1]));
  root.walkRules((rule) => {
    if (rule.parent.type === "atrule" && /keyframes$/.test(rule.parent.name)) return;
    const kept = rule.selectors.filter((selector) => !unused.test(selector));
    if (kept.length === 0) rule.remove();
    else if (kept.length < rule.selectors.length) rule.selectors = kept;
  });
  root.walkDecls(/^--/, (declaration) => {
    if (unread.test(declaration.prop) || !read.has(declaration.prop)) declaration.remove();
  });
  root.walkComments((comment) => void comment.remove());
  root.walkRules((rule) => void (rule.nodes.length === 0 && rule.remove()));
  root.walkAtRules((at) => void (at.nodes?.length === 0 && at.remove()));
  return root.toString();
}

/** An esbuild plugin that purges every style sheet of the base. */
export function purging(unused) {
  return {
    name: "purge",
    setup(build) {
      build.onLoad({ filter: /@tabler[\\/]core[\\/].*\.css$/ }, (found) => ({
        contents: purge(readFileSync(found.path, "utf8"), unused),
        loader: "css",
      }));
    },
  };
}
