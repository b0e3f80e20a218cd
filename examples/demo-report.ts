import type { WorkingContext } from '../src/index.js';
import type { Appended, Memory, Recalled } from './demo-client.js';
import { BAR, cells, clip, number, plural, ratio, wrap } from './demo-layout.js';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';
const SGR: Record<Style, number> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
};

const WIDTH = 88;
const SECTIONS = [
  { section: 'systemPrompt', tier: 'system', title: 'system prompt', style: 'blue' },
  { section: 'sessionHistory', tier: 'session', title: 'session history', style: 'green' },
  { section: 'relevantContext', tier: 'memory', title: 'relevant context', style: 'magenta' },
  { section: 'taskAndBuffer', tier: 'task', title: 'task and buffer', style: 'yellow' },
] as const;

/** What the demo prints: each method turns an answer of the service into lines for a person. */
export class DemoReport {
  constructor(private readonly colors: boolean) {}

  title(where: string): string {
    return [
      '',
      this.#paint('Triptych', 'bold') + this.#paint('  the context of an agent, in three tiers', 'dim'),
      this.#paint('━'.repeat(WIDTH), 'dim'),
      this.#paint(where, 'dim'),
      '',
      '',
    ].join('\n');
  }

  session({ threadId, messages }: Appended): string {
    const tokens = messages.reduce((total, message) => total + message.tokens, 0);
    const shown = [...messages.slice(0, 2), undefined, ...messages.slice(-2)];
    const lines = shown.map((message) => {
      if (!message) return this.#paint(`        … ${messages.length - 4} more`, 'dim');
      const { seq, role, name, content } = message;
      const who = (name ?? role).padEnd(10);
      return `  ${`#${seq}`.padStart(4)}  ${this.#paint(who, 'cyan')}${clip(text(content), WIDTH - 18)}`;
    });
    return [
      this.#heading('1', 'Session', 'what was said'),
      `  ${plural(messages.length, 'message')} appended to the thread ${threadId}: ${rolesOf(messages)}; ${number(tokens)} tokens`,
      ...lines,
      '',
    ].join('\n');
  }

  memory(memories: readonly Memory[]): string {
    const here = memories.filter(({ source }) => source?.seq !== undefined).length;
    return [
      this.#heading('2', 'Long-term memory', 'what is known'),
      `  ${plural(memories.length, 'memory', 'memories')} stored: ${here} of them made of this conversation, ${memories.length - here} from earlier`,
      '',
    ].join('\n');
  }

  recall(query: string, results: readonly Recalled[]): string {
    const lines = results.map(({ memory, score }, index) => {
      const style = index === 0 ? 'magenta' : 'dim';
      const bar = this.#paint('▮'.repeat(Math.round(Math.max(0, score) * 10)).padEnd(10, '▯'), style);
      const room = WIDTH - 21;
      const content =
        index === 0
          ? wrap(memory.content, room).join(`\n${' '.repeat(21)}`)
          : this.#paint(clip(memory.content, room), 'dim');
      return `    ${bar} ${score.toFixed(2).padStart(5)} ${content}`;
    });
    return [`  ${this.#paint(`“${query}”`, 'bold')}`, ...lines, ''].join('\n');
  }

  contextHeading(task: string): string {
    const heading = this.#heading('3', 'Working context', 'what the model sees now');
    return [heading, ...wrap(`“${task}”`, WIDTH - 2).map((line) => `  ${line}`), ''].join('\n');
  }

  context({ budget, tokenUsage, receipt, degraded }: WorkingContext): string {
    const sections = SECTIONS.map(({ section, tier, title, style }) => {
      const { cap = 0, used = 0 } = receipt.sections.find((one) => one.section === section) ?? {};
      const items = receipt.items.filter((item) => item.tier === tier);
      const filled = cells(used, cap);
      const bar = this.#paint('█'.repeat(filled), style) + this.#paint('░'.repeat(BAR - filled), 'dim');
      const older = tier === 'session' ? receipt.unread : 0;
      return `  ${title.padEnd(17)} ${bar} ${ratio(used, cap)}  ${this.#decisions(items, older)}`;
    });
    const { total } = tokenUsage;
    const segments = SECTIONS.map(({ tier, style }) => {
      const filled = cells(tokenUsage[tier], budget.total);
      return { filled, bar: this.#paint('█'.repeat(filled), style) };
    });
    const rest = Math.max(0, BAR - segments.reduce((sum, { filled }) => sum + filled, 0));
    const bar = segments.map((segment) => segment.bar).join('') + this.#paint('░'.repeat(rest), 'dim');
    const percent = Math.round((100 * total) / budget.total);
    return [
      `  ${this.#paint(budget.tier, 'bold')}${this.#paint(` · a window of ${number(budget.total)} tokens`, 'dim')}`,
      ...sections,
      `  ${this.#paint('total'.padEnd(17), 'bold')} ${bar} ${ratio(total, budget.total)}  ${percent} % of the budget`,
      ...degraded.map(({ code, detail }) => this.#paint(`  ${code}: ${detail}`, 'red')),
      '',
    ].join('\n');
  }

  /** What fell out of the history and is known all the same, or why there is nothing to say. */
  remembered(
    { receipt, budget }: WorkingContext,
    { messages }: Appended,
    memories: readonly Memory[],
  ): string {
    const dropped = new Set(
      receipt.items.filter(({ decision }) => decision === 'dropped').map(({ id }) => id),
    );
    const read = new Set(receipt.items.map(({ id }) => id));
    const gone = messages.filter(({ id }) => dropped.has(id) || !read.has(id));
    const seqs = new Set(gone.map(({ seq }) => seq));
    const kept = new Set(
      receipt.items.filter((item) => item.tier === 'memory' && item.decision === 'kept').map(({ id }) => id),
    );
    const saved = memories.filter(
      ({ memoryId, source }) => kept.has(memoryId) && source?.seq !== undefined && seqs.has(source.seq),
    );
    const known = receipt.items.filter(({ reason }) => reason === 'in_history').length;
    if (saved.length === 0)
      return `  ${budget.tier} reads the conversation itself; ${plural(known, 'memory', 'memories')} of it need not be said twice.\n`;
    return [
      `  What ${this.#paint(budget.tier, 'bold')} no longer reads, and still knows:`,
      ...saved.map(({ source, content }) => {
        const place = `#${source?.seq ?? ''}`.padStart(6);
        const lines = wrap(content, WIDTH - 10).join(`\n${' '.repeat(10)}`);
        return `  ${this.#paint(place, 'magenta')}  ${lines}`;
      }),
      '',
    ].join('\n');
  }

  /** The receipt of a compile, as the service prints it for a person. */
  receipt(printed: string): string {
    const heading = this.#paint('  The receipt of the last compile, for a person', 'bold');
    const lines = printed.trimEnd().split('\n');
    return [heading, '', ...lines.map((line) => `  ${line}`.trimEnd()), ''].join('\n');
  }

  closing(text: string): string {
    return `${this.#paint('━'.repeat(WIDTH), 'dim')}\n${this.#paint(text, 'dim')}\n\n`;
  }

  #heading(place: string, title: string, says: string): string {
    return `${this.#paint(`${place}  ${title}`, 'bold')}${this.#paint(`  ${says}`, 'dim')}`;
  }

  /** @param older of which nothing was looked at, since what is newer fills the section */
  #decisions(items: readonly { decision: string }[], older: number): string {
    const count = (decision: string): number => items.filter((item) => item.decision === decision).length;
    const [kept, shortened, dropped] = [count('kept'), count('shortened'), count('dropped') + older];
    return [
      `${kept} kept`,
      ...(shortened > 0 ? [this.#paint(`${shortened} shortened`, 'yellow')] : []),
      ...(dropped > 0 ? [this.#paint(`${dropped} dropped`, 'red')] : []),
    ].join(', ');
  }

  #paint(painted: string, style: Style): string {
    return this.colors && painted !== '' ? `\u001b[${SGR[style]}m${painted}\u001b[0m` : painted;
  }
}

function rolesOf(messages: readonly { role: string }[]): string {
  const counts = new Map<string, number>();
  for (const { role } of messages) counts.set(role, (counts.get(role) ?? 0) + 1);
  return [...counts].map(([role, count]) => `${count} ${role}`).join(', ');
}

function text(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content ?? null);
}
