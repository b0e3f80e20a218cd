import { UsageError } from './failure.js';
import { exactJson } from './json-text.js';

/**
 * Reads a list of objects from text: a JSON list, an object that holds one as the member `name`, or lines of JSON.
 * @throws UsageError when it is none of these, is empty, holds something else, or what would not be kept exactly
 */
export function objectsOf(text: string, name: string): Record<string, unknown>[] {
  const list = listOf(text, name);
  if (list.length === 0) throw new UsageError(`There are no ${name} in it.`);
  const other = list.findIndex((item) => typeof item !== 'object' || item === null || Array.isArray(item));
  if (other >= 0) throw new UsageError(`Number ${other + 1} of the ${name} is no JSON object.`);
  return list as Record<string, unknown>[];
}

function listOf(text: string, name: string): unknown[] {
  const whole = exactJson(text, 'The text');
  if (Array.isArray(whole)) return whole;
  if (typeof whole === 'object' && whole !== null) {
    const { [name]: list } = whole as Record<string, unknown>;
    return Array.isArray(list) ? list : [whole];
  }
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const value = exactJson(line, `Line ${index + 1}`);
    if (value === undefined)
      throw new UsageError(
        `Line ${index + 1} is no JSON. Expected a JSON list of ${name}, or a line for each.`,
      );
    return [value];
  });
}
