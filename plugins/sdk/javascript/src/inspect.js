// Values as text for people, for log lines and the console.

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;

/** A value as text for people. Never throws. */
export function inspect(value) {
  try {
    return show(value, 0, []);
  } catch (error) {
    return `[a value that cannot be shown: ${error?.message}]`;
  }
}

function show(value, depth, above) {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "without a name"}]`;
  if (value === null || typeof value !== "object")
    return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof Error)
    return value.stack ? `${value}\n${value.stack}`.trim() : String(value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (above.includes(value)) return "[circular]";
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? "[array]" : "[object]";
  return whole(value, (inner) => show(inner, depth + 1, [...above, value]));
}

function whole(value, inner) {
  if (ArrayBuffer.isView(value) && "length" in value) {
    return `${value.constructor.name}(${value.length}) [${some(value, String).join(", ")}]`;
  }
  if (Array.isArray(value)) return `[${some(value, inner).join(", ")}]`;
  if (value instanceof Map) {
    return `Map {${some(value, ([k, v]) => `${inner(k)} => ${inner(v)}`).join(", ")}}`;
  }
  if (value instanceof Set) return `Set {${some(value, inner).join(", ")}}`;
  const name = value.constructor?.name;
  const fields = some(Object.entries(value), ([key, v]) => `${key}: ${inner(v)}`).join(", ");
  return `${name && name !== "Object" ? `${name} ` : ""}{${fields ? ` ${fields} ` : ""}}`;
}

function some(values, each) {
  const items = [...values];
  const shown = items.slice(0, MAX_ITEMS).map((item) => each(item));
  if (items.length > MAX_ITEMS) shown.push(`… ${items.length - MAX_ITEMS} more`);
  return shown;
}

/** The text of a console call: `%s`, `%d`, `%i`, `%f`, `%j`, `%o` and `%O` take the next value. */
export function format(values) {
  if (typeof values[0] !== "string") return values.map(inspect).join(" ");
  const rest = values.slice(1);
  const text = values[0].replace(/%[sdifjoO%]/g, (hole) => {
    if (hole === "%%") return "%";
    return rest.length === 0 ? hole : fill(hole, rest.shift());
  });
  return [text, ...rest.map(inspect)].join(" ");
}

function fill(hole, value) {
  if (hole === "%d" || hole === "%f")
    return String(typeof value === "bigint" ? value : Number(value));
  if (hole === "%i") return String(typeof value === "bigint" ? value : Math.trunc(Number(value)));
  return inspect(value);
}
