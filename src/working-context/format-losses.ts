import { type Degradation } from '../recall/degradation.js';

/** Of more places only their number is told. */
const MAX_PLACES = 20;

/** What a format has no room for: by place (`messages.3.content.0`), never with content. */
export class FormatLosses {
  private readonly places = new Map<string, string[]>();

  /** @param what - a clause, such as `audio is replaced by a note` */
  add(what: string, place: string): void {
    const known = this.places.get(what);
    if (known) known.push(place);
    else this.places.set(what, [place]);
  }

  /** One for each kind of loss, in the order in which they were found. */
  get degraded(): Degradation[] {
    return Array.from(this.places, ([what, places]) => {
      const more = places.length > MAX_PLACES ? ` and ${places.length - MAX_PLACES} more` : '';
      return {
        code: 'unsupported_content',
        detail: `${what}: ${places.slice(0, MAX_PLACES).join(', ')}${more}`,
      };
    });
  }
}
