/**
 * Whether `NO_COLOR` asks for output without colours: set, whatever its value (https://no-color.org).
 * @param environment that of the process when left out
 */
export function isColorRefused(environment: NodeJS.ProcessEnv = process.env): boolean {
  return (environment['NO_COLOR'] ?? '') !== '';
}
