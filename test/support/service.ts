import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import { checkOptions } from '../../src/config/load-options.js';
import type { TriptychSettings } from '../../src/config/options.js';
import { createApp } from '../../src/create-app.js';
import { parseJson } from '../../src/database/parse-json.js';
import type { TestDatabase } from './engines.js';

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON, or the text when it is none. */
  body: never;
  text: string;
}

/** The whole service on a real socket, and a client that speaks to it as a tenant. */
export class TestService {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly url: string,
  ) {}

  /** @param consoleFolder of a console built for the test; absent: the one in `dist/`, if there is one */
  static async start(
    database: TestDatabase,
    settings: TriptychSettings = {},
    { consoleFolder }: { consoleFolder?: string } = {},
  ): Promise<TestService> {
    const options = checkOptions({
      log: { level: 'silent' },
      ...settings,
      http: { shutdownDelayMs: 0, ...settings.http },
      database: database.settings,
    });
    const app = await createApp(options, {
      ...(database.seed && { seed: database.seed }),
      ...(consoleFolder !== undefined && { consoleFolder }),
    });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new TestService(app, `http://127.0.0.1:${port}`);
  }

  /** Sends a request; a string body goes as it is, anything else as JSON. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parse(text) as never, text };
  }

  /** A client of one tenant. */
  as(tenant: string): TenantClient {
    const headers = { 'x-tenant-id': tenant };
    return {
      get: (path) => this.send('GET', path, undefined, headers),
      post: (path, body) => this.send('POST', path, body, headers),
      patch: (path, body) => this.send('PATCH', path, body, headers),
      delete: (path) => this.send('DELETE', path, undefined, headers),
    };
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

export interface TenantClient {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
