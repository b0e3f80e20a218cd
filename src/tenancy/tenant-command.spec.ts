import { describe, expect, it } from '@jest/globals';
import { UsageError } from '../config/command-line.js';
import { InvalidInputError } from '../errors.js';
import { parseCommand } from './tenant-command.js';
import type { TenantRegistry } from './tenant-registry.js';

/** What a command asks of the registry. */
async function asked(...args: string[]): Promise<unknown[]> {
  const calls: unknown[] = [];
  const registry = new Proxy({} as TenantRegistry, {
    get:
      (_registry, method) =>
      (...values: unknown[]) => {
        calls.push(method, ...values);
        return Promise.resolve({});
      },
  });
  await Promise.resolve(parseCommand(args)?.run(registry));
  return calls;
}

describe('parseCommand', () => {
  it.each([
    ['no command', [], 'A command is needed'],
    ['an unknown command', ['constructor'], 'no command "constructor"'],
    ['an unknown option', ['list', '--all'], '--all'],
    ["another command's option", ['list', '--scopes', 'read'], 'list takes no --scopes'],
    ['a missing argument', ['create'], 'create takes one tenantId'],
    ['an argument too many', ['revoke', 'a', 'b'], 'revoke takes one keyId'],
    ['a language of nobody', ['language'], 'language takes one tenantId, and at most one configuration'],
    [
      'two languages',
      ['language', 'a', 'b', 'c'],
      'language takes one tenantId, and at most one configuration',
    ],
  ])('does not understand %s', (_what, args, message) => {
    expect(() => parseCommand(args)).toThrow(UsageError);
    expect(() => parseCommand(args)).toThrow(message);
  });

  it('answers a plea for help with nothing to do', () => {
    expect(parseCommand(['--help'])).toBeUndefined();
    expect(parseCommand(['create', '-h'])).toBeUndefined();
  });

  it('reads durations, scopes and counts', async () => {
    expect(await asked('create-key', 'acme', '--scopes', 'read, write,read', '--expires', '90d')).toEqual([
      'createKey',
      'acme',
      { scopes: ['read', 'write'], label: undefined, expiresIn: 7_776_000 },
    ]);
    expect(await asked('rotate', 'acme.x')).toEqual([
      'rotate',
      'acme.x',
      { overlap: 86_400, expiresIn: undefined },
    ]);
    expect(await asked('rotate', 'acme.x', '--overlap', '0s')).toEqual([
      'rotate',
      'acme.x',
      { overlap: 0, expiresIn: undefined },
    ]);
    expect(await asked('create', 'acme', '--rate-limit', '0')).toEqual([
      'create',
      { tenantId: 'acme', name: null, rateLimit: 0, dailyQuota: null },
    ]);
  });

  it('asks for a language, sets it, and goes back to the default', async () => {
    const progress = expect.any(Function);
    expect(await asked('language', 'acme')).toEqual(['language', 'acme']);
    expect(await asked('language', 'acme', 'german')).toEqual(['setLanguage', 'acme', 'german', progress]);
    expect(await asked('language', 'acme', 'default')).toEqual(['setLanguage', 'acme', null, progress]);
  });

  it.each([
    ['create', 'x', '--rate-limit=-1'],
    ['create', 'x', '--daily-quota', '1.5'],
    ['create', 'x', '--name', 'a\nb'],
    ['create-key', 'x', '--scopes', 'root'],
    ['create-key', 'x', '--scopes', ''],
    ['create-key', 'x', '--expires', 'soon'],
    ['create-key', 'x', '--expires', '9999d'],
    ['rotate', 'x', '--overlap', '1'],
  ])('refuses the value in %s %s %s %s', async (...args) => {
    await expect(asked(...args)).rejects.toThrow(InvalidInputError);
  });
});
