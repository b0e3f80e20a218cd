import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadOptions } from './config/load-options.js';
import { processAsksForTraces } from './config/tracing-environment.js';
import type { TriptychOptions } from './config/options.js';
import { createApp } from './create-app.js';
import { StartupError } from './errors.js';
import { StopOnSignal } from './stop-on-signal.js';
import { startTracing } from './telemetry/start-tracing.js';

/** What a person or a supervisor sees when the service cannot start: the remedy, and no stack. */
function refuse(error: unknown): never {
  console.error(error instanceof StartupError ? error.message : error);
  process.exit(1);
}

async function listen(app: NestFastifyApplication, { host, port }: TriptychOptions['http']): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new StartupError(`Port ${port} of ${host} is taken. Set another PORT.`);
    if (code === 'EACCES') throw new StartupError(`Port ${port} may not be opened. Set a PORT above 1023.`);
    throw error;
  }
}

const stop = new StopOnSignal();
try {
  const options = loadOptions();
  // Before anything that spans are made of.
  const tracing = processAsksForTraces() ? await startTracing() : undefined;
  const app = await createApp(options);
  stop.started(app, options.http, tracing);
  await listen(app, options.http);
  const url = await app.getUrl();
  const page = options.console.enabled ? `, and its console is at ${url}/console` : '';
  console.error(`Triptych listens on ${url}; its API is described at ${url}/docs${page}`);
} catch (error) {
  if (!stop.isClosing) refuse(error);
}
