import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import packageJson from '../package.json' with { type: 'json' };
import { AppModule } from './app.module.js';
import type { TriptychOptions } from './config/options.js';
import { serveConsole } from './console/serve-console.js';
import { StartupError } from './errors.js';
import { readExactJson } from './http/exact-json.js';
import { refuseForeignPages } from './http/loopback-only.js';
import { serveOpenApi } from './http/openapi.js';
import { PROBLEM_JSON, problemOf, refusalOf } from './http/problem.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RequestDrain } from './http/request-drain.js';
import { noteProblem, watchRequests } from './http/request-telemetry.js';
import { answerBeforeTheEnd, endSoftly, refuseUnreadable, serverLimits } from './http/request-limits.js';
import { createLogger } from './logger.js';
import { measureApp } from './measure-app.js';

/** Longest path parameter in UTF-16 units, percent-encoding included; ids are checked by their tier. */
const MAX_PARAMETER = 4_096;

/**
 * The standalone service, ready to listen.
 * @param seed archive of an embedded data folder to begin with
 * @param consoleFolder of the built console; absent: where the build leaves it
 * @throws StartupError when it must not run as it is set up
 */
export async function createApp(
  options: TriptychOptions,
  { seed, consoleFolder }: { seed?: Blob; consoleFolder?: string } = {},
): Promise<NestFastifyApplication> {
  const isDev = options.auth.mode === 'dev';
  // Said here and not by the settings: a host application and the migration commands use those in
  // production too, and serve nobody by AUTH_MODE.
  if (isDev && options.http.production)
    throw new StartupError(
      'NODE_ENV is production, and AUTH_MODE=dev believes whatever tenant a request names. ' +
        'Set AUTH_MODE=api-key or AUTH_MODE=jwt.',
    );
  let watch: ReturnType<typeof watchRequests> = () => undefined;
  const adapter = new FastifyAdapter({
    ...serverLimits(options),
    routerOptions: { maxParamLength: MAX_PARAMETER },
    genReqId: () => uuidv7(),
    forceCloseConnections: 'idle',
    // A path that cannot be decoded never reaches a hook, a route, or Nest's filters.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      watch(request, reply);
      const problem = { ...problemOf(error), detail: 'The path is not acceptable.' };
      noteProblem(request, problem.code);
      void reply.status(problem.status).headers({ 'content-type': PROBLEM_JSON, 'x-request-id': request.id });
      void reply.send(problem);
    },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      if (!socket.writable) {
        socket.destroy();
        return;
      }
      socket.write(refusalOf(error));
      endSoftly(socket);
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(options, seed), adapter, {
    logger: createLogger(options.log),
    abortOnError: false,
    // Nest's own also reads forms, which any web page may send without asking; ours reads JSON.
    bodyParser: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  const server = app.getHttpAdapter().getInstance();
  watch = watchRequests(server, options.metrics.enabled ? measureApp(app, options.metrics) : undefined);
  app.get(RequestDrain).watch(server);
  server.removeContentTypeParser('text/plain');
  refuseUnreadable(server);
  answerBeforeTheEnd(server);
  readExactJson(server);
  if (isDev) refuseForeignPages(server);
  server.addHook('onSend', (request, reply, _payload, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  serveOpenApi(app, packageJson.version);
  if (options.console.enabled)
    serveConsole(server, {
      authMode: options.auth.mode,
      version: packageJson.version,
      folder: consoleFolder,
    });
  return app;
}
