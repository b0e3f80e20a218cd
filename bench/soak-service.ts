import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What the service tells of itself, in the process of which nothing else runs. */
export interface ProcessFigures {
  /** Bytes in use after a full collection. */
  readonly heap: number;
  /** Bytes outside of V8's heap that its objects hold, after that. */
  readonly external: number;
  readonly rss: number;
  /** Open ones; undefined where the system has no /proc. */
  readonly files?: number;
  readonly sockets?: number;
  /** The longest delay of the event loop since the last sample, in ms. */
  readonly lagMs: number;
}

const MS = 1e6;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

const DESCRIPTORS = '/proc/self/fd';

function descriptors(): Pick<ProcessFigures, 'files' | 'sockets'> {
  if (!existsSync(DESCRIPTORS)) return {};
  const targets = readdirSync(DESCRIPTORS).map((descriptor) => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${descriptor}`);
    } catch {
      return ''; // closed meanwhile, as that of the folder itself
    }
  });
  const sockets = targets.filter((target) => target.startsWith('socket:')).length;
  return { sockets, files: targets.filter((target) => target !== '').length - sockets };
}

// Whoever started the process asks for a sample by any message.
process.on('message', () => {
  const lagMs = Math.max(0, delay.max / MS);
  collect();
  // Collected twice: a finalizer that ran first may have let go of more.
  collect();
  const { heapUsed: heap, external, rss } = process.memoryUsage();
  delay.reset();
  process.send?.({ heap, external, rss, lagMs, ...descriptors() } satisfies ProcessFigures);
});

await import('../src/main.js');
