/** A value that must not be printed: it has no text, JSON or inspected form. */

import { inspect } from "node:util";
import { equalSecrets } from "./same.js";

const HIDDEN = "[secret]";

/**
 * Holds one secret text. `reveal()` is the only way to read it, so that every place that does can be found by name.
 * A *redacted* secret stands for a value that a snapshot left out: it is known to exist, but cannot be revealed.
 */
export class Secret {
  readonly #value: string | null;

  private constructor(value: string | null) {
    this.#value = value;
  }

  static of(value: string): Secret {
    return new Secret(value);
  }

  static redacted(): Secret {
    return new Secret(null);
  }

  get isRedacted(): boolean {
    return this.#value === null;
  }

  get isEmpty(): boolean {
    return this.#value === "";
  }

  /** The value itself. Throws for a redacted secret. */
  reveal(): string {
    if (this.#value === null) throw new TypeError("a redacted secret has no value");
    return this.#value;
  }

  /** Compares in constant time for equal lengths. A redacted secret equals nothing. */
  equals(other: Secret): boolean {
    return equalSecrets(this.#value, other.#value);
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
