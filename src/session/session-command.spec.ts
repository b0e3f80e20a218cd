import { describe, expect, it } from '@jest/globals';
import { UsageError } from '../config/command-line.js';
import { parseCommand } from './session-command.js';

describe('parseCommand', () => {
  it.each([
    ['no command', [], 'A command is needed'],
    ['an unknown command', ['toString'], 'no command "toString"'],
    ['an argument', ['convert', 'x', '--tenant', 'acme'], 'convert takes no argument'],
    ['no tenant', ['convert'], 'convert needs --tenant'],
    ["another command's option", ['prune', '--tenant', 'acme', '--dry-run'], 'prune takes no --dry-run'],
    ['neither a thread nor all', ['prune', '--tenant', 'acme'], '--thread or --all'],
    ['a thread and all', ['prune', '--tenant', 'acme', '--all', '--thread', 'x'], '--thread or --all'],
    ['nothing to keep', ['prune', '--tenant', 'acme', '--all', '--keep', '0'], '--keep must be'],
    ['half a checkpoint', ['prune', '--tenant', 'acme', '--all', '--keep', '1.5'], '--keep must be'],
  ])('does not understand %s', (_what, args, message) => {
    expect(() => parseCommand(args)).toThrow(UsageError);
    expect(() => parseCommand(args)).toThrow(message);
  });

  it('answers a plea for help with nothing to do', () => {
    expect(parseCommand(['--help'])).toBeUndefined();
    expect(parseCommand(['prune', '-h'])).toBeUndefined();
  });

  it('reads what to convert', () => {
    const common = { name: 'convert', tenantId: 'acme' };
    expect(parseCommand(['convert', '--tenant', 'acme'])).toEqual({
      ...common,
      ...{ json: false, threadIds: [], fromSchema: 'public', fromUrl: undefined, dryRun: false },
    });
    const threads = ['--thread', 'a', '--thread', '--b', '--thread=a'];
    expect(() => parseCommand(['convert', '--tenant', 'acme', ...threads])).toThrow(UsageError);
    expect(
      parseCommand([
        ...['convert', '--tenant', 'acme', '--thread', 'a', '--thread=--b', '--thread', 'a', '--json'],
        ...['--from-schema', 'legacy', '--from-url', 'postgres://127.0.0.1/old', '--dry-run'],
      ]),
    ).toEqual({
      ...common,
      ...{ json: true, threadIds: ['a', '--b'], fromSchema: 'legacy', dryRun: true },
      fromUrl: 'postgres://127.0.0.1/old',
    });
  });

  it('reads what to prune', () => {
    expect(parseCommand(['prune', '--tenant', 'acme', '--all', '--keep', '10'])).toEqual({
      ...{ name: 'prune', tenantId: 'acme', json: false, threadIds: [], keep: 10 },
    });
    expect(parseCommand(['prune', '--tenant', 'acme', '--thread', 'x'])).toMatchObject({
      threadIds: ['x'],
      keep: 1,
    });
  });
});
