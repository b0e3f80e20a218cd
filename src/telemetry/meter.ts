import { Injectable } from '@nestjs/common';
import type { Measurements } from './measurements.js';

type Listener<Name extends keyof Measurements> = (measured: Measurements[Name]) => void;
type Listeners = { [Name in keyof Measurements]?: Listener<Name> };

/**
 * Where the tiers tell what they did, and whoever makes metrics of it listens; one in each application. They do not know each
 * other, and while nobody listens nothing is measured.
 */
@Injectable()
export class Meter {
  readonly #listeners: Listeners = {};

  /** Listens from now on; there is one listener of each name. */
  on<Name extends keyof Measurements>(name: Name, listener: Listener<Name>): void {
    this.#listeners[name] = listener as Listeners[Name];
  }

  /** A stopwatch that runs from now on, where somebody listens: called with what is to be told, as soon as that is known. */
  start<Name extends keyof Measurements>(
    name: Name,
  ): ((measured: Omit<Measurements[Name], 'ms'>) => void) | undefined {
    const listener = this.#listeners[name];
    if (!listener) return undefined;
    const began = performance.now();
    return (measured) => {
      listener({ ...measured, ms: performance.now() - began } as Measurements[Name]);
    };
  }

  /** Tells it to whoever listens. */
  tell<Name extends keyof Measurements>(name: Name, measured: Measurements[Name]): void {
    this.#listeners[name]?.(measured);
  }
}
