import { seededRandom } from '../support/seeded-random.js';
import type { EmbeddingsFault } from '../support/embeddings-server.js';

/** What `kill -9` is sent to. */
export type Target = 'service' | 'database' | 'both';

/** One kill, and the load that it comes upon. */
export interface Round {
  readonly number: number;
  readonly target: Target;
  /** So many operations of the round were acknowledged when the kill comes. */
  readonly afterAcknowledged: number;
  /** Whether PostgreSQL's backends go in the same moment as its first process, or may finish what they are at. */
  readonly withBackends: boolean;
  /** From so many acknowledgements on the embeddings provider fails, until the kill is over. */
  readonly outage: { readonly from: number; readonly fault: EmbeddingsFault } | undefined;
  /** Whether everything that waits for vectors is to have them before the next round. */
  readonly drains: boolean;
  /** For the choices of the load. */
  readonly seed: number;
}

const FAULTS: readonly EmbeddingsFault[] = ['reset', { status: 503 }, { status: 401 }, 'cut-midway'];
const FEWEST = 25;
/** So many that some were stores, each of which waits for the provider until its deadline. */
const FEWEST_IN_OUTAGE = 60;
const SPREAD = 90;

/**
 * The same rounds for the same seed. The targets come in turn, so that a few rounds have each of them, and the first
 * round has an outage that leaves memories without vectors.
 */
export function planOf(seed: number, rounds: number, targets: readonly Target[]): Round[] {
  const random = seededRandom(seed);
  return Array.from({ length: rounds }, (_, index) => {
    const isFirst = index === 0;
    const afterAcknowledged = (isFirst ? FEWEST_IN_OUTAGE : FEWEST) + Math.floor(random() * SPREAD);
    const from = isFirst ? 0 : Math.floor(random() * afterAcknowledged);
    const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? 'reset';
    return {
      number: index + 1,
      target: targets[index % targets.length] ?? 'service',
      afterAcknowledged,
      withBackends: random() < 0.5,
      outage: isFirst || random() < 0.7 ? { from, fault } : undefined,
      drains: random() < 0.2,
      seed: Math.floor(random() * 2 ** 31),
    };
  });
}
