// What the shop does about events, whoever tells it: the old route or the gateway.
//
// Each thing is done once for its key. Here the keys are in memory. In an application they are a
// table with a unique key, and the row is written in the transaction that does the work.

export class Shop {
  #done = new Set();
  /** What was done, for the tests. */
  log = [];

  async fulfil(session, order) {
    return this.#once(`order/${session}`, () => this.log.push({ fulfilled: session, ...order }));
  }

  async remind(invoice, attempt, email) {
    return this.#once(`reminder/${invoice}/${attempt}`, () => this.log.push({ reminded: email }));
  }

  async close(subscription) {
    return this.#once(`closed/${subscription}`, () => this.log.push({ closed: subscription }));
  }

  /** Does the work unless it was done before; says whether it was new. */
  #once(key, work) {
    if (this.#done.has(key)) return false;
    work();
    this.#done.add(key);
    return true;
  }
}
