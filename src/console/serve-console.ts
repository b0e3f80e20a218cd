import fastifyStatic from '@fastify/static';
import { HttpException, Logger, NotFoundException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { TriptychOptions } from '../config/options.js';
import { builtConsole } from './console-folder.js';
import { ASKED_FOR_AGAIN, CACHED_FOR_EVER, CONSOLE_HEADERS } from './console-headers.js';

interface ConsoleOptions {
  /** What the page is told before anybody has signed in. */
  readonly authMode: TriptychOptions['auth']['mode'];
  readonly version: string;
  /** Of the built page; absent: where `npm run build:console` leaves it. */
  readonly folder?: string | undefined;
}

const NOT_BUILT = 'The console is not built. Run: npm run build:console, and start the service again.';

/**
 * Serves the console at `/console`: its files by their names, compressed where they were compressed when it was
 * built, and its page for every other path but those of files that are not there. `/` leads there.
 */
export function serveConsole(
  server: FastifyInstance,
  { authMode, version, folder = builtConsole() }: ConsoleOptions,
): void {
  const files = folder !== undefined && existsSync(join(folder, 'index.html')) ? filesOf(folder) : undefined;
  if (!files) new Logger('Console').warn({ event: 'console_not_built', remedy: NOT_BUILT });
  // A plugin, so that what it adds to a reply is met on no other route.
  void server.register(async (scope) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      void reply.headers(CONSOLE_HEADERS);
      done();
    });
    if (files)
      await scope.register(fastifyStatic, {
        root: folder,
        serve: false,
        preCompressed: true,
        cacheControl: false,
        index: false,
        dotfiles: 'deny',
      });
    const serve = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      if (!files) throw new HttpException(NOT_BUILT, 404);
      const { '*': path = '' } = request.params as { '*'?: string };
      if (!files.has(path) && isFile(path)) throw new NotFoundException('The console has no such file.');
      const isAsset = path.startsWith('assets/');
      void reply.header('cache-control', isAsset ? CACHED_FOR_EVER : ASKED_FOR_AGAIN);
      return reply.sendFile(files.has(path) ? path : 'index.html');
    };
    // Who opens the address that the service said at its start.
    scope.get('/', (_request, reply) => reply.redirect('/console'));
    scope.get('/console', serve);
    scope.get('/console/*', serve);
    scope.get('/console/config.json', (_request, reply) =>
      reply.header('cache-control', 'no-store').send({ authMode, version }),
    );
  });
}

/** By their paths in the folder, with `/` between; only these are served. */
function filesOf(folder: string): ReadonlySet<string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Set(
    files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join('/')),
  );
}

/** Whether a path means a file: of the assets, or with an ending at the top. An id of a view may have dots in it. */
function isFile(path: string): boolean {
  return path.startsWith('assets/') || /^[^/]*\.[^/]+$/.test(path);
}
