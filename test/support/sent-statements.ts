import pg from 'pg';

/** What is used here of node-postgres' connection, which its types leave out. */
interface Wire {
  parse: (this: Wire, message: { text: string }, more?: unknown) => void;
  query: (this: Wire, text: string) => void;
}

/** Every text that connections of this process send to PostgreSQL, each once, whoever sends it. */
export class SentStatements {
  readonly texts = new Set<string>();
  readonly #wire = (pg as unknown as { Connection: { prototype: Wire } }).Connection.prototype;
  readonly #original: Wire = { parse: this.#wire.parse, query: this.#wire.query };

  /** Listens until {@link stop}. */
  constructor() {
    const { texts } = this;
    const { parse, query } = this.#original;
    this.#wire.parse = function (message, more) {
      texts.add(message.text);
      parse.call(this, message, more);
    };
    this.#wire.query = function (text) {
      texts.add(text);
      query.call(this, text);
    };
  }

  stop(): void {
    Object.assign(this.#wire, this.#original);
  }
}
