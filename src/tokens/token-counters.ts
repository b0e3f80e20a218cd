import { Inject, Injectable } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { countingWith } from './model-counting.js';
import { TiktokenCounter } from './tiktoken-counter.js';
import type { TokenCounter } from './token-counter.js';

/** Of this process: an encoding's table takes 60 to 350 ms to read, and several MB. */
const counters = new Map<string, TokenCounter>();

/** The counters of all encodings, each made when somebody first asks for it. */
@Injectable()
export class TokenCounters {
  readonly #encoding: string;

  constructor(@Inject(TRIPTYCH_OPTIONS) { budget }: Pick<TriptychOptions, 'budget'>) {
    this.#encoding = countingWith(budget).encoding;
  }

  /**
   * That of the settings, in which messages and memories are counted when they are written.
   * @throws StartupError when there is no such encoding
   */
  get default(): TokenCounter {
    return this.of(this.#encoding);
  }

  /** @throws StartupError when there is no such encoding; the message lists those there are */
  of(encoding: string): TokenCounter {
    const counter = counters.get(encoding) ?? new TiktokenCounter(encoding);
    counters.set(encoding, counter);
    return counter;
  }
}
