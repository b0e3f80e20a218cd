import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that systems give to those who ask for any, and apart from those of `.ci/postgres`. */
const FIRST = 10_000;
const LAST = 20_000;

/** A port of 127.0.0.1 on which nobody listens, and on which nobody comes to by chance. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server
        .once('error', () => {
          resolve(false);
        })
        .listen(port, '127.0.0.1', () => {
          resolve(true);
        });
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
