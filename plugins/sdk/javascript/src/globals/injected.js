// Globals that are put into a component only if its handler uses them.

export { default as URL } from "core-js-pure/actual/url/index.js";
export { default as URLSearchParams } from "core-js-pure/actual/url-search-params/index.js";
export { fetch } from "../fetch/global.js";
export { default as structuredClone } from "@ungap/structured-clone";
