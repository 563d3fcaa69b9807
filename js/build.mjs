/** Builds the views into the Python package and refuses a bundle over its budget.
 *
 *   node js/build.mjs                    rlvision_widgets/static/: the views, their style sheets, and the parts of
 *                                        them that are fetched on demand (`host/lazy.ts`)
 *   node js/build.mjs --watch            the same, again at every change
 *   node js/build.mjs --harness FOLDER   a page that shows the explorer with a synthetic study, no Jupyter needed
 */
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, "..", "rlvision_widgets", "static");

/** Every widget instance carries its bundle in the notebook's state, so bytes are counted. */
const BUDGET = {
  "explorer.js": 60_000,
  "explorer.css": 20_000,
  "grid.css": 8_000,
  "compare.js": 60_000,
  "compare.css": 20_000,
  "compare_time.js": 30_000,
  "counterfactual.js": 60_000,
  "counterfactual.css": 20_000,
  "counterfactual_more.js": 30_000,
  "editor.js": 60_000,
  "editor.css": 20_000,
  "standalone.js": 6_000,
  "grid.js": 60_000,
  "cell.js": 30_000,
  "menus.js": 40_000,
  "story.js": 30_000,
  "time.js": 32_000,
  "world.js": 30_000,
  "forks.js": 30_000,
  "editing.js": 80_000,
};

/** Fetched when first shown, or a view of their own; each is built from `views/<name>.ts`. */
const ON_DEMAND = [
  "grid",
  "cell",
  "compare_time",
  "menus",
  "story",
  "time",
  "world",
  "forks",
  "counterfactual_more",
  "editing",
].filter((name) => existsSync(join(here, "views", `${name}.ts`)));

const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  define: { "define.amd": "false" },
  metafile: true,
  logLevel: "warning",
};

/** A style sheet that a script imports is text there: what is fetched on demand brings its own. */
const styleAsText = {
  name: "style-as-text",
  setup(bundler) {
    bundler.onResolve({ filter: /\.css$/ }, ({ kind, path, resolveDir }) =>
      kind === "import-statement" ? { path: join(resolveDir, path), namespace: "style" } : undefined,
    );
    bundler.onLoad({ filter: /./, namespace: "style" }, async ({ path }) => {
      const { outputFiles } = await build({ ...shared, metafile: false, entryPoints: [path], write: false });
      return { contents: outputFiles[0].text.trim(), loader: "text", watchFiles: [path] };
    });
  },
};

const views = {
  ...shared,
  entryPoints: [
    { in: join(here, "views/explorer.ts"), out: "explorer" },
    { in: join(here, "styles/explorer.css"), out: "explorer" },
    { in: join(here, "views/compare.ts"), out: "compare" },
    { in: join(here, "styles/compare.css"), out: "compare" },
    { in: join(here, "views/counterfactual.ts"), out: "counterfactual" },
    { in: join(here, "styles/counterfactual.css"), out: "counterfactual" },
    { in: join(here, "views/editor.ts"), out: "editor" },
    { in: join(here, "styles/editor.css"), out: "editor" },
    { in: join(here, "styles/view.css"), out: "grid" },
    { in: join(here, "host/standalone.ts"), out: "standalone" },
  ],
  outdir: output,
};

const onDemand = {
  ...shared,
  plugins: [styleAsText],
  entryPoints: ON_DEMAND.map((name) => ({ in: join(here, `views/${name}.ts`), out: name })),
  outdir: output,
};

/** Prints each output's size; throws when one is over its budget. */
function weigh(metafile) {
  for (const [path, { bytes }] of Object.entries(metafile.outputs)) {
    const name = basename(path);
    const budget = BUDGET[name];
    console.log(`${name.padEnd(14)} ${String(bytes).padStart(6)} bytes of ${budget ?? "no budget"}`);
    if (budget !== undefined && bytes > budget)
      throw new Error(`${name} has ${bytes} bytes; its budget is ${budget}: make it smaller`);
  }
}

/** The explorer's page and those of the other views. */
const PAGES = ["harness", "compare", "counterfactual", "editor"];

async function harness(folder) {
  await mkdir(folder, { recursive: true });
  await build({
    ...shared,
    minify: false,
    entryPoints: [
      ...PAGES.map((name) => join(here, "harness", `${name}.ts`)),
      ...["explorer", ...PAGES.slice(1)].map((name) => join(here, "styles", `${name}.css`)),
    ],
    entryNames: "[name]",
    outdir: folder,
  });
  await build({ ...onDemand, minify: false, outdir: folder });
  for (const name of PAGES) await cp(join(here, "harness", `${name}.html`), join(folder, `${name}.html`));
}

const [flag, folder] = process.argv.slice(2);
if (flag === "--harness") {
  if (!folder) throw new Error("--harness needs the folder to write to");
  await harness(folder);
} else if (flag === "--watch") {
  for (const options of [views, onDemand]) await (await context(options)).watch();
} else {
  for (const options of [views, onDemand]) weigh((await build(options)).metafile);
}
