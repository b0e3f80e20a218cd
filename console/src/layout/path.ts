import { useLocation } from 'wouter';

const BASE = import.meta.env.BASE_URL;

/**
 * The segments of the path behind `/console/`, each decoded: of `/console/sessions/a%2Fb` `sessions` and `a/b`.
 * wouter decodes a path as a whole, by which `%252F` and `%2F` become the same; ids may hold both.
 */
export function usePath(): readonly string[] {
  useLocation(); // renders again when the path changes
  return window.location.pathname.slice(BASE.length).split('/').filter(Boolean).map(decoded);
}

/** A path for `Link` and `navigate`, each segment encoded. */
export function pathOf(...segments: readonly string[]): string {
  return `/${segments.map(encodeURIComponent).join('/')}`;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
