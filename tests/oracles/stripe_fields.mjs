// Reads the fields that the handlers `fulfillment` and `dunning` use out of the types of Stripe's
// own library for Node, in one version for each API version, and writes the table of
// docs/stripe-fields.md.
//
//   node stripe_fields.mjs [--check]    --check only compares the table
//
// The libraries go to target/oracles/stripe-fields. Fields and versions: stripe_fields.json.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const cache = join(root, "target/oracles/stripe-fields");
const page = join(root, "docs/stripe-fields.md");
const list = JSON.parse(readFileSync(join(here, "stripe_fields.json"), "utf8"));
const [BEGIN, END] = ["<!-- fields: begin -->\n", "<!-- fields: end -->\n"];

/** Unpacks a package of npm into FOLDER/node_modules/NAME. */
function install(name, version, folder) {
  const place = join(folder, "node_modules", name);
  if (existsSync(place)) return;
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(join(fresh, "node_modules", name), { recursive: true });
  const packed = execFileSync("npm", ["pack", "--silent", `${name}@${version}`], { cwd: fresh });
  const archive = packed.toString().trim().split("\n").at(-1);
  const to = join("node_modules", name);
  execFileSync("tar", ["xzf", archive, "-C", to, "--strip-components", "1"], { cwd: fresh });
  renameSync(fresh, folder);
}

/** Returns the API version that a version of the library asks for. */
function apiVersion(folder) {
  const files = ["cjs/apiVersion.js", "lib/apiVersion.js"];
  const file = files.map((f) => join(folder, "node_modules/stripe", f)).find(existsSync);
  return readFileSync(file, "utf8").match(/20\d\d-\d\d-\d\d(\.\w+)?/)[0];
}

/** Returns the types of all fields: { "Invoice.due_date": "number | null" }. */
function typesOf(ts, folder) {
  const objects = Object.entries(list.fields);
  const probe = join(folder, "probe.mts");
  const lines = objects.map(([name], n) => `export type T${n} = Stripe.${name};`);
  writeFileSync(probe, ["import Stripe from 'stripe';", ...lines].join("\n"));
  const program = ts.createProgram([probe], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(probe);
  const aliases = source.statements.filter(ts.isTypeAliasDeclaration);
  const found = {};
  for (const [n, [name, fields]] of objects.entries()) {
    for (const field of fields) {
      found[`${name}.${field}`] = typeOf(ts, checker, source, aliases[n].type, field);
    }
  }
  return found;
}

function typeOf(ts, checker, source, node, path) {
  let type = checker.getTypeAtLocation(node);
  let shown = null;
  for (const name of path.split(".")) {
    const plain = checker.getNonNullableType(type);
    const kinds = plain.isUnion() ? plain.types : [plain];
    const property = kinds.map((kind) => kind.getProperty(name)).find(Boolean);
    if (!property) return null;
    type = checker.getTypeOfSymbolAtLocation(property, source);
    const optional = property.flags & ts.SymbolFlags.Optional ? "optional " : "";
    const isNull = (kind) => kind.flags & ts.TypeFlags.Null;
    const nullable = type.isUnion() && type.types.some(isNull) ? " or null" : "";
    shown = optional + readable(ts, checker, checker.getNonNullableType(type)) + nullable;
  }
  return shown;
}

/** Returns a type without the library's own names for parts of objects. */
function readable(ts, checker, type) {
  const text = (one) => {
    // An open set of values, as in newer versions: 'paid' | 'void' | (string & {}).
    const open = one.isIntersection() && one.types.some((t) => t.flags & ts.TypeFlags.String);
    if (open || one.flags & ts.TypeFlags.StringLike) return "text";
    if (one.flags & ts.TypeFlags.NumberLike) return "number";
    if (one.flags & ts.TypeFlags.BooleanLike) return "flag";
    return "object";
  };
  const kinds = type.isUnion() ? type.types : [type];
  return [...new Set(kinds.map(text))].sort().reverse().join(" or ");
}

/** Returns the rows: one for each field and each time that its type changed. */
function rows(versions) {
  const names = Object.keys(versions[0].types);
  return names.flatMap((name) => {
    const runs = [];
    for (const { api, library, types } of versions) {
      if (runs.at(-1)?.type !== types[name]) runs.push({ api, library, type: types[name] });
    }
    return runs
      .filter((run, n) => run.type || n > 0)
      .map(({ api, library, type }) => {
        const since = library === versions[0].library ? "" : `${api} (${library})`;
        return `| \`${name}\` | ${since || "before"} | ${type ?? "**gone**"} |`;
      });
  });
}

function main() {
  const compiler = join(cache, `typescript-${list.typescript}`);
  mkdirSync(cache, { recursive: true });
  install("typescript", list.typescript, compiler);
  const ts = createRequire(join(compiler, "x.js"))("typescript");
  const versions = list.npm.map((library) => {
    const folder = join(cache, library);
    install("stripe", library, folder);
    return { library, api: apiVersion(folder), types: typesOf(ts, folder) };
  });
  writeFileSync(join(cache, "npm.json"), JSON.stringify(versions, null, 1));
  const table = ["| Field | Since API version (npm stripe) | Type |", "|---|---|---|"];
  table.push(...rows(versions), "");
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(BEGIN);
  const wanted = before + BEGIN + table.join("\n") + END + rest.split(END)[1];
  if (process.argv.includes("--check")) {
    if (text !== wanted) throw new Error(`${page} is not up to date: run without --check`);
  } else {
    writeFileSync(page, wanted);
  }
}

main();
