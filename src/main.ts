import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { failureOf } from './cli/failure.js';
import { loadOptions } from './config/load-options.js';
import { processAsksForTraces } from './config/tracing-environment.js';
import type { TriptychOptions } from './config/options.js';
import { createApp } from './create-app.js';
import { StartupError } from './errors.js';
import { StopOnSignal } from './stop-on-signal.js';
import { startTracing } from './telemetry/start-tracing.js';

/** What a person or a supervisor sees when the service cannot start: the remedy, and a status as of every command. */
function refuse(error: unknown): never {
  const { status, message } = failureOf(error);
  console.error(message);
  process.exit(status);
}

async function listen(app: NestFastifyApplication, http: TriptychOptions['http']): Promise<void> {
  try {
    await app.listen(http.port, http.host);
  } catch (error) {
    await app.close();
    const { code, syscall } = error as NodeJS.ErrnoException;
    // Without it as the cause, of which the code would be taken for that of a database out of reach.
    throw code === undefined || syscall === undefined ? error : new StartupError(notListening(code, http));
  }
}

function notListening(code: string, { host, port }: TriptychOptions['http']): string {
  if (code === 'EADDRINUSE') return `Port ${port} of ${host} is taken. Set another PORT.`;
  if (code === 'EACCES') return `Port ${port} may not be opened. Set a PORT above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `This machine has no address ${host}. Set another HOST.`;
  return `Nobody can listen on ${host}:${port} (${code}). Set another HOST or PORT.`;
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
