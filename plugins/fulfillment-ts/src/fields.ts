// The fields of Stripe's objects, checked as they are read: a payload that has another shape
// rejects the delivery, and no wrong value reaches an effect.

import { PayloadError } from "tollgate-handler";

/** An object of a payload, with the name of the event for errors. */
export class Fields {
  constructor(
    private readonly kind: string,
    private readonly values: Record<string, unknown>,
  ) {}

  /** Whether the field is there: `null` is Stripe's "there is none", and absent says nothing. */
  has(name: string): boolean {
    return Object.hasOwn(this.values, name);
  }

  /** Any value; undefined for null. */
  any(name: string): unknown {
    return this.values[name] ?? undefined;
  }

  text(name: string): string | undefined {
    return this.read(name, "a text", (value) => (typeof value === "string" ? value : undefined));
  }

  flag(name: string): boolean | undefined {
    return this.read(name, "a flag", (value) => (typeof value === "boolean" ? value : undefined));
  }

  amount(name: string): number | bigint | undefined {
    return this.read(name, "a whole number", (value) =>
      typeof value === "bigint" || Number.isSafeInteger(value) ? (value as number) : undefined,
    );
  }

  object(name: string): Fields | undefined {
    return this.read(name, "an object", (value) =>
      isObject(value) ? new Fields(this.kind, value) : undefined,
    );
  }

  /** The id of another object: the id alone, or the whole object if the field is expanded. */
  reference(name: string): string | undefined {
    return this.read(name, "an id or an object with an id", (value) => {
      const id = isObject(value) ? value["id"] : value;
      return typeof id === "string" ? id : undefined;
    });
  }

  /** A text. A number or a flag counts as the text that it is written as. */
  anyText(name: string): string | undefined {
    return this.read(name, "a text", (value) => (isObject(value) ? undefined : String(value)));
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.error(`missing field \`${name}\``);
    return value;
  }

  private read<T>(
    name: string,
    what: string,
    as: (value: unknown) => T | undefined,
  ): T | undefined {
    const value = this.values[name];
    if (value === undefined || value === null) return undefined;
    const read = as(value);
    if (read === undefined) throw this.error(`\`${name}\` is not ${what}`);
    return read;
  }

  private error(why: string): PayloadError {
    return new PayloadError(`the payload of ${this.kind} cannot be read: ${why}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The trimmed text; undefined if nothing is left of it. */
export function present(text: string | undefined): string | undefined {
  return text?.trim() || undefined;
}
