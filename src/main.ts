import 'reflect-metadata';
import { loadOptions } from './config/load-options.js';
import { createApp } from './create-app.js';
import { StartupError } from './errors.js';

/** What a person or a supervisor sees when the service cannot start: the remedy, and no stack. */
function refuse(error: unknown): never {
  console.error(error instanceof StartupError ? error.message : error);
  process.exit(1);
}

try {
  const options = loadOptions();
  const app = await createApp(options);
  await app.listen(options.http.port, options.http.host);
  console.error(
    `Triptych listens on ${await app.getUrl()}; its API is described at ${await app.getUrl()}/docs`,
  );
} catch (error) {
  refuse(error);
}
