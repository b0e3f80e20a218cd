import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CompileMeasurement } from '../telemetry/measurements.js';
import type { Meter } from '../telemetry/meter.js';
import { SECONDS } from './metrics.js';

/** Parts of a whole; beyond 1, a section that used what others left over. */
const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1, 1.5, 2];
const CANDIDATES = [0, 1, 10, 50, 100, 200, 500, 1_000, 2_000];
/** The sections of a budget, by the tier of the parts that stand in them. */
const SECTIONS: Readonly<Record<string, string>> = {
  system: 'systemPrompt',
  session: 'sessionHistory',
  memory: 'relevantContext',
  task: 'taskAndBuffer',
};

/** What working contexts are made of: what they use of their budget, and what is left out of them and why. */
export function measureCompiles(registry: Registry, meter: Meter): void {
  const registers = [registry];
  const duration = new Histogram({
    name: 'triptych_compile_duration_seconds',
    help: 'Time to compile a working context, history and search included.',
    labelNames: ['tier'],
    buckets: SECONDS,
    registers,
  });
  const used = new Histogram({
    name: 'triptych_compile_budget_used_ratio',
    help: 'Part of its share that a section of a working context used; above 1 with what other sections left over.',
    labelNames: ['tier', 'section'],
    buckets: SHARES,
    registers,
  });
  const tokens = new Counter({
    name: 'triptych_compile_tokens_total',
    help: 'Tokens of working contexts.',
    labelNames: ['tier', 'section'],
    registers,
  });
  const items = new Counter({
    name: 'triptych_compile_items_total',
    help: 'System prompts, messages, memories and tasks, by what was decided about them and why.',
    labelNames: ['tier', 'section', 'decision', 'reason'],
    registers,
  });
  const unread = new Counter({
    name: 'triptych_compile_unread_messages_total',
    help: 'Older messages of threads that were not even read, since no history had room for them.',
    labelNames: ['tier'],
    registers,
  });
  const degraded = new Counter({
    name: 'triptych_compile_degraded_total',
    help: 'Working contexts that something was missing in, by the code that tells what.',
    labelNames: ['tier', 'code'],
    registers,
  });
  const shared = new Histogram({
    name: 'triptych_compile_shared_prefix_ratio',
    help: 'Part of a prompt that begins as the one before it in its thread did, which a prompt cache may serve.',
    labelNames: ['tier'],
    buckets: SHARES.filter((share) => share <= 1),
    registers,
  });
  meter.on('compile', (compiled) => {
    const { tier } = compiled;
    duration.observe({ tier }, compiled.ms / 1_000);
    for (const { section, ...each } of compiled.sections) {
      if (each.cap > 0) used.observe({ tier, section }, each.used / each.cap);
      tokens.inc({ tier, section }, each.used);
    }
    for (const [labels, count] of countedItems(compiled)) items.inc({ tier, ...labels }, count);
    if (compiled.unread > 0) unread.inc({ tier }, compiled.unread);
    for (const code of new Set(compiled.degraded)) degraded.inc({ tier, code });
    if (compiled.sharedPrefix !== undefined) shared.observe({ tier }, compiled.sharedPrefix);
  });
}

/** A history has hundreds of messages, and most of them for the same reason. */
function countedItems({
  items,
}: CompileMeasurement): [{ section: string; decision: string; reason: string }, number][] {
  const counts = new Map<string, [{ section: string; decision: string; reason: string }, number]>();
  for (const { tier, decision, reason } of items) {
    const key = `${tier} ${decision} ${reason}`;
    const known = counts.get(key);
    if (known) known[1] += 1;
    else counts.set(key, [{ section: SECTIONS[tier] ?? tier, decision, reason }, 1]);
  }
  return [...counts.values()];
}

/** Searches of memories and of threads, those of compiles included. */
export function measureRecall(registry: Registry, meter: Meter): void {
  const registers = [registry];
  const labelNames = ['mode'];
  const duration = new Histogram({
    name: 'triptych_recall_duration_seconds',
    help: 'Time to find and rank memories or messages, embedding the question included.',
    labelNames,
    buckets: SECONDS,
    registers,
  });
  const candidates = new Histogram({
    name: 'triptych_recall_candidates',
    help: 'What a search ranked.',
    labelNames,
    buckets: CANDIDATES,
    registers,
  });
  const partial = new Counter({
    name: 'triptych_recall_not_exhaustive_total',
    help: 'Searches that could not compare everything that may be as near.',
    labelNames,
    registers,
  });
  const degraded = new Counter({
    name: 'triptych_recall_degraded_total',
    help: 'Searches by words alone that were asked for more, by the code that tells why.',
    labelNames: ['code'],
    registers,
  });
  meter.on('recall', ({ mode, ms, ...recalled }) => {
    duration.observe({ mode }, ms / 1_000);
    candidates.observe({ mode }, recalled.candidates);
    if (!recalled.exhaustive) partial.inc({ mode });
    for (const code of new Set(recalled.degraded)) degraded.inc({ code });
  });
}

/** Receipts on their way to the database. */
export function measureReceipts(
  registry: Registry,
  meter: Meter,
  receipts: { readonly waiting: number },
): void {
  const registers = [registry];
  const waiting = new Gauge({
    name: 'triptych_receipts_waiting',
    help: 'Receipts that are not written yet.',
    registers,
    collect: () => {
      waiting.set(receipts.waiting);
    },
  });
  const leftOut = new Counter({
    name: 'triptych_receipts_left_out_total',
    help: 'Receipts that were not written, by reason.',
    labelNames: ['reason'],
    registers,
  });
  // A series that is there from the start shows its first increase.
  for (const reason of ['overflow', 'unavailable', 'refused', 'stopped']) leftOut.inc({ reason }, 0);
  meter.on('receiptsLeftOut', ({ reason, receipts: count }) => {
    leftOut.inc({ reason }, count);
  });
}
