// Bundles a handler with the SDK and its packages into one module, with the map of its sources.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { problemOf } from "./esbuild-problems.js";
import { places } from "./map.js";
import { build } from "./tools.js";

const SDK = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** QuickJS knows newer JavaScript than this; but the jobs of its own promises would never run. */
const LOWERED = {
  "async-await": false,
  "async-generator": false,
  "for-await": false,
  "top-level-await": false,
};

/** The packages that the SDK brings. */
const OURS = /node_modules\/(core-js-pure|@ungap)\//;

/** The text of the module that the component is made of. */
export async function bundle(folder, entry) {
  const { outputFiles } = await build({
    stdin: { contents: start(entry), resolveDir: folder, sourcefile: "tollgate:start" },
    absWorkingDir: folder,
    bundle: true,
    write: false,
    outfile: "handler.js",
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["module", "import", "default"],
    target: "esnext",
    supported: LOWERED,
    external: ["tollgate:*", "wasi:*"],
    // Where the SDK is a link, its packages are those of the project.
    nodePaths: [`${folder}/node_modules`],
    inject: [`${SDK}/src/globals/injected.js`],
    define: { "process.env.NODE_ENV": '"production"' },
    treeShaking: true,
    keepNames: true,
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "silent",
    plugins: [ownPackage],
  }).catch((failure) => {
    throw problemOf(failure, entry);
  });
  const text = (suffix) => outputFiles.find(({ path }) => path.endsWith(suffix)).text;
  return text(".js") + appended(folder, JSON.parse(text(".map")));
}

/** The module that the component begins with: the globals come before the handler's own code. */
function start(entry) {
  const from = (name) => JSON.stringify(`${SDK}/src/${name}`);
  return [
    `import ${from("globals/index.js")};`,
    `import { exported } from ${from("entry.js")};`,
    `import * as module from ${JSON.stringify(`./${entry}`)};`,
    `export const handle = exported(module, ${JSON.stringify(entry)});`,
  ].join("\n");
}

/** The handler's `tollgate-handler` is the SDK that compiles it: one copy of it. */
const ownPackage = {
  name: "own-package",
  setup(build) {
    const { exports } = JSON.parse(readFileSync(`${SDK}/package.json`, "utf8"));
    build.onResolve({ filter: /^tollgate-handler(\/|$)/ }, ({ path }) => {
      const found = exports[`.${path.slice("tollgate-handler".length)}`]?.default;
      return found ? { path: resolve(SDK, found) } : undefined;
    });
  },
};

/** The places at the end of the module, so that no line before them moves. */
function appended(folder, map) {
  const isOurs = (source) => source.includes(":") || OURS.test(source) || isSdk(source);
  const isSdk = (source) => resolve(folder, source).startsWith(`${SDK}/`);
  const text = JSON.stringify(places(map, (source) => !isOurs(source)));
  return `\nglobalThis.__tollgatePlaces = ${JSON.stringify(text)};\n`;
}
