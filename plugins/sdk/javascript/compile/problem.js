/** A mistake in the handler: the message says where, and what to write instead. */
export class Problem extends Error {}
