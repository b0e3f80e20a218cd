import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Seen from the built service, `dist/src/console/`, and from its source. */
const PLACES = ['../../console/', '../../dist/console/'];

/**
 * The folder of the built page, as `npm run build:console` leaves it; undefined when there is none. The source of
 * the page has no `assets`.
 */
export function builtConsole(): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((folder) =>
    existsSync(`${folder}assets`),
  );
}
