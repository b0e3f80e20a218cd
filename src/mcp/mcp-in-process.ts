import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ClientOptions } from '../config/client-options.js';
import type { TriptychOptions } from '../config/options.js';
import { ContextManager } from '../context/context-manager.js';
import { ContextModule } from '../context/context.module.js';
import { ContextSearch } from '../context/context-search.js';
import { FolderInUseError } from '../database/folder-lock.js';
import { StartupError, TriptychError } from '../errors.js';
import { createLogger } from '../logger.js';
import { LongTermMemory } from '../memory/long-term-memory.js';
import { SessionStore } from '../session/session-store.js';
import { Authenticator, type CredentialCarrier } from '../tenancy/authenticator.js';
import { checkScope } from '../tenancy/required-scope.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TenantLimits } from '../tenancy/tenant-limits.js';
import type { LineTransport } from './line-transport.js';
import { createMcpServer } from './mcp-server.js';
import type { McpCaller, McpServices } from './tool.js';

/** HTTP statuses of what is wrong with a credential: its form, itself, what it is for. */
const OF_CREDENTIALS: readonly number[] = [400, 401, 403];

/** The tiers in this process, on the database of the settings, for one caller. */
export class McpInProcess {
  private constructor(
    private readonly app: INestApplicationContext,
    private readonly caller: McpCaller,
  ) {}

  /**
   * @throws StartupError when the database cannot be opened, or the caller is not let in, which its cause says; any other
   * TriptychError for which a first call fails
   */
  static async open(options: TriptychOptions, client: ClientOptions): Promise<McpInProcess> {
    const credential = credentialOf(options, client);
    const app = await openTiers(options);
    const caller = callerOf(app, credential);
    try {
      await caller.run('read', () => Promise.resolve());
    } catch (error) {
      await app.close();
      if (!(error instanceof TriptychError) || !OF_CREDENTIALS.includes(error.status)) throw error;
      throw new StartupError(`You are not let in: ${error.message} Check ${variableOf(options)}.`, {
        cause: error,
      });
    }
    return new McpInProcess(app, caller);
  }

  connect(connection: LineTransport): Promise<void> {
    const services: McpServices = {
      sessions: this.app.get(SessionStore),
      memory: this.app.get(LongTermMemory),
      search: this.app.get(ContextSearch),
      context: this.app.get(ContextManager),
    };
    serveStdio(() => createMcpServer(services, this.caller), { transport: connection });
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

async function openTiers(options: TriptychOptions): Promise<INestApplicationContext> {
  try {
    return await NestFactory.createApplicationContext(
      ContextModule.forRootAsync({ useFactory: () => options }),
      // Standard output is the protocol's.
      { logger: createLogger(options.log, { toStandardError: true }), abortOnError: false },
    );
  } catch (error) {
    if (error instanceof FolderInUseError)
      throw new StartupError(
        `${error.message} If that is a service, speak to it: set TRIPTYCH_URL, such as http://127.0.0.1:3000.`,
      );
    throw error;
  }
}

function variableOf({ auth }: TriptychOptions): string {
  return auth.mode === 'dev' ? 'TRIPTYCH_TENANT' : 'TRIPTYCH_API_KEY';
}

/** The same credential that the service would be sent, so that the same rules hold. */
function credentialOf(options: TriptychOptions, { apiKey, tenantId }: ClientOptions): CredentialCarrier {
  const { auth, http } = options;
  if (auth.mode !== 'dev') {
    if (apiKey !== undefined) return { headers: { authorization: `Bearer ${apiKey}` } };
    throw new StartupError(
      `AUTH_MODE is ${auth.mode}: set TRIPTYCH_API_KEY to ${auth.mode === 'jwt' ? 'a token' : 'an API key'} in force.`,
    );
  }
  if (http.production)
    throw new StartupError(
      'NODE_ENV is production, and AUTH_MODE=dev believes whatever tenant is named. Set AUTH_MODE=api-key or AUTH_MODE=jwt.',
    );
  if (tenantId !== undefined) return { headers: { 'x-tenant-id': tenantId } };
  throw new StartupError(
    apiKey === undefined
      ? 'Say whose memory it is: set TRIPTYCH_TENANT. With AUTH_MODE=dev there is no default tenant.'
      : 'AUTH_MODE is dev, which knows no keys: unset TRIPTYCH_API_KEY and set TRIPTYCH_TENANT, or set AUTH_MODE=api-key.',
  );
}

/** Every call is admitted anew, so a key that is revoked meanwhile opens nothing any more. */
function callerOf(app: INestApplicationContext, credential: CredentialCarrier): McpCaller {
  const authenticator = app.get(Authenticator);
  const limits = app.get(TenantLimits);
  const tenants = app.get(TenantContext);
  return {
    run: async (scope, work) => {
      const identity = await authenticator.authenticate(credential);
      const { tenantId, actor } = identity;
      await limits.admit(tenantId);
      checkScope(identity, scope);
      return limits.inTurn(tenantId, () => tenants.run(tenantId, work, { actor }));
    },
  };
}
