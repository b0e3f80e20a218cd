import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import openapi from '../../packages/client/openapi.json' with { type: 'json' };

const ROUTES = Object.keys(openapi.paths);

/** What a browser loads of a page that is this code. */
function bundle(code: string): string {
  return execFileSync(process.execPath, [join(__dirname, '../support/bundle.mjs'), code], {
    encoding: 'utf8',
    maxBuffer: 10_000_000,
  });
}

/** The routes that the code asks: whole, and not as the beginning of another. */
function routesIn(code: string): string[] {
  return ROUTES.filter((route) => ['"', "'", '`'].some((quote) => code.includes(quote + route + quote)));
}

describe('triptych-client in a bundle', () => {
  it('is the client and the one function that is used', () => {
    const all = bundle(`export * from 'triptych-client';`);
    expect(routesIn(all)).toEqual(ROUTES);
    const one = bundle(`export { createTriptychClient, getBudgets } from 'triptych-client';`);
    expect(routesIn(one)).toEqual(['/v1/context/budgets']);
    expect(all.length - one.length).toBeGreaterThan(2_000);
    expect(gzipSync(one).length).toBeLessThan(7_000);
  });

  it('is no client where none is made', () => {
    const call = bundle(`export { getBudgets } from 'triptych-client';`);
    expect(routesIn(call)).toEqual(['/v1/context/budgets']);
    expect(call.length).toBeLessThan(300);
    const error = bundle(`export { TriptychProblem } from 'triptych-client';`);
    expect(routesIn(error)).toEqual([]);
    expect(error.length).toBeLessThan(2_000);
  });
});
