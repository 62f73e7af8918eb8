// The payment that has an order. The state keeps its id under `order/SCOPE/ID`. An order id may be
// longer than a key of the state: then it is under the digest `long-order/SCOPE/DIGEST`, together
// with all other order ids of that digest.

import { state } from "tollgate-handler";

/** The longest key of the state in bytes. */
const LONGEST_KEY = 512;

const encoder = new TextEncoder();

/** The payment that has the order; undefined if none has it. */
export function paymentOf(scope: string, order: string): string | undefined {
  const key = shortKey(scope, order);
  if (fits(key)) return state.get<string>(key);
  return longOrders(scope, order).get(order);
}

/** Assigns the order to a payment. */
export function assign(scope: string, order: string, payment: string): void {
  const key = shortKey(scope, order);
  if (fits(key)) {
    state.set(key, payment);
    return;
  }
  const orders = [...longOrders(scope, order).set(order, payment)];
  orders.sort(([a], [b]) => (a < b ? -1 : 1));
  state.set(longKey(scope, order), Object.fromEntries(orders));
}

const shortKey = (scope: string, order: string): string => `order/${scope}/${order}`;
const fits = (key: string): boolean => encoder.encode(key).length <= LONGEST_KEY;

function longKey(scope: string, order: string): string {
  return `long-order/${scope}/${digest(order).toString(16).padStart(16, "0")}`;
}

function longOrders(scope: string, order: string): Map<string, string> {
  return new Map(Object.entries(state.get<Record<string, string>>(longKey(scope, order)) ?? {}));
}

/** The 64-bit FNV-1a hash. Equal digests of two order ids do no harm. */
function digest(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of encoder.encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
