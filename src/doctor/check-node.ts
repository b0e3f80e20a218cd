import packageJson from '../../package.json' with { type: 'json' };
import { failed, ok, type Result } from './finding.js';

/** Whether a version of Node.js is one of those that the package names as `engines`. */
export function checkNode(version: string): Result {
  const { node: range } = packageJson.engines;
  if (range.split('||').some((part) => isIn(version, part.trim()))) return ok(version);
  return failed(`${version} is not of ${range}`, 'Install a version of Node.js that is.');
}

/** Of ranges the two forms that stand there: `^20.19.0` and `>=22.13.0`. */
function isIn(version: string, range: string): boolean {
  const [, sign = '', least = ''] = /^(\^|>=)(.+)$/.exec(range) ?? [];
  const isCompatible = sign === '>=' || partsOf(version)[0] === partsOf(least)[0];
  return isCompatible && compare(partsOf(version), partsOf(least)) >= 0;
}

function partsOf(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const difference = a.findIndex((part, index) => part !== b[index]);
  return difference < 0 ? 0 : (a[difference] ?? 0) - (b[difference] ?? 0);
}
