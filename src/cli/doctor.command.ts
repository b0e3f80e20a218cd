import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.js';
import type { CommandLine } from './command-line.js';
import { STATUS } from './failure.js';
import type { Terminal } from './terminal.js';

/** Of each state, its colour on a terminal (SGR). */
const COLORS: Readonly<Record<Finding['state'], number>> = { ok: 32, warning: 33, failed: 31, skipped: 90 };
const STATE_WIDTH = 9;
const NAME_WIDTH = 16;
const INDENT = ' '.repeat(STATE_WIDTH + NAME_WIDTH);

/** What is wrong with a set-up, and what to do. */
export function doctorCommand(line: CommandLine): Command {
  return line
    .command('doctor')
    .description('checks settings, database, roles, embeddings and more, and says what to do')
    .addHelpText(
      'after',
      `
It changes nothing and shows no secrets. It asks the embedding provider for one vector. It ends with 1 when something failed,
and with 0 when there are but warnings.

Examples:
  $ triptych doctor
  $ triptych doctor --json | jq '.findings[] | select(.state == "failed")'`,
    )
    .action(line.action(doctor));
}

async function doctor(terminal: Terminal): Promise<number> {
  const { diagnose } = await import('../doctor/diagnose.js');
  const findings: Finding[] = [];
  for await (const finding of diagnose(terminal.surroundings.environment)) {
    findings.push(finding);
    if (!terminal.isJson) terminal.print(shown(finding, terminal.hasColor));
  }
  const count = (state: Finding['state']): number =>
    findings.filter((finding) => finding.state === state).length;
  const counts = {
    ok: count('ok'),
    warning: count('warning'),
    failed: count('failed'),
    skipped: count('skipped'),
  };
  const status = counts.failed > 0 ? STATUS.failed : STATUS.done;
  if (terminal.isJson) terminal.answer({ isHealthy: counts.failed === 0, counts, findings });
  else terminal.print(`\n${counts.failed} failed, ${counts.warning} to look at, ${counts.ok} in order.`);
  return status;
}

function shown({ name, state, detail, remedy }: Finding, hasColor: boolean): string {
  const padded = state.padEnd(STATE_WIDTH);
  const word = hasColor ? `\u001b[${COLORS[state]}m${padded}\u001b[0m` : padded;
  const lines = [...detail.split('\n'), ...(remedy === undefined ? [] : [`→ ${remedy}`])];
  return `${word}${name.padEnd(NAME_WIDTH)}${lines.join(`\n${INDENT}`)}`;
}
