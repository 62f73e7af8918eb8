// The global `fetch`, which is put into a component only if its handler uses it: a component that
// can ask has to be granted that in the manifest.

import ask from "tollgate:ask/http@0.1.0";

import { fetchBy } from "./fetch.js";

export const fetch = fetchBy((request) => ask.send(request));
