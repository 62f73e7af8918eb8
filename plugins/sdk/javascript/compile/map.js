// The places of the handler's own code in the bundle, in a form that a component reads fast: the
// source map of the whole bundle is large, and QuickJS would take a second to decode it.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment, in base64 VLQ (source map, revision 3). */
function numbers(segment) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return found;
}

/**
 * The places of the sources that `keep` keeps: their names, and for each line of the bundle (from 1)
 * its segments: column, source, line and column there, all from 0.
 */
export function places({ sources, mappings }, keep) {
  const kept = sources.map(keep);
  const lines = {};
  const at = [0, 0, 0, 0];
  mappings.split(";").forEach((line, index) => {
    at[0] = 0;
    const found = line.split(",").flatMap((segment) => {
      if (segment === "") return [];
      numbers(segment)
        .slice(0, 4)
        .forEach((step, i) => (at[i] += step));
      return kept[at[1]] ? [[...at]] : [];
    });
    if (found.length > 0) lines[index + 1] = found;
  });
  return { sources: sources.map((source, i) => (kept[i] ? source : "")), lines };
}
