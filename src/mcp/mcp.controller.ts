import {
  Body,
  Controller,
  Delete,
  Get,
  HttpException,
  Post,
  Req,
  Res,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ContextManager } from '../context/context-manager.js';
import { ContextSearch } from '../context/context-search.js';
import { ForbiddenError, TenantRequiredError } from '../errors.js';
import { TenantApi } from '../http/api.decorator.js';
import { JSON_RPC_PATH } from '../http/json-rpc.js';
import { LongTermMemory } from '../memory/long-term-memory.js';
import { SessionStore } from '../session/session-store.js';
import { identityOf } from '../tenancy/authentication.guard.js';
import { checkScope, RequireScope } from '../tenancy/required-scope.js';
import type { McpCaller, McpServices } from './tool.js';

/**
 * Refuses web pages of others, which a browser names in `Origin`; what is no browser sends none. In development mode
 * `loopback-only.ts` refuses foreign names in `Host` as well; otherwise a page that had itself resolved to this address
 * would still need a key.
 */
export class OwnPagesGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const { origin, host } = headers;
    if (origin === undefined) return true;
    if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return true;
    throw new ForbiddenError('Web pages of another origin may not use MCP here.');
  }
}

/**
 * `/mcp`: the Model Context Protocol over streamable HTTP, behind the same guard, limits and tenants as REST. A reader's
 * key is let in; each tool asks for the scope that it needs.
 */
@ApiExcludeController()
@TenantApi('mcp')
@UseGuards(OwnPagesGuard)
@Controller(JSON_RPC_PATH)
export class McpController {
  readonly #services: McpServices;

  constructor(
    sessions: SessionStore,
    memory: LongTermMemory,
    search: ContextSearch,
    context: ContextManager,
  ) {
    this.#services = { sessions, memory, search, context };
  }

  @Post()
  @RequireScope('read')
  async answer(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    // Not before somebody asks: the SDK costs a service that nobody asks by MCP nothing.
    const { answerMcp } = await import('./mcp-http.js');
    const { url, headers } = request;
    const {
      status,
      headers: ofAnswer,
      text,
    } = await answerMcp({ url, headers, body }, this.#services, callerOf(request));
    void reply.status(status).headers(ofAnswer);
    return text === '' ? undefined : text;
  }

  /** There is no stream to open: each answer comes with its request. */
  @Get()
  open(@Res({ passthrough: true }) reply: FastifyReply): never {
    return refuseMethod(reply);
  }

  /** There is no session to end. */
  @Delete()
  @RequireScope('read')
  end(@Res({ passthrough: true }) reply: FastifyReply): never {
    return refuseMethod(reply);
  }
}

function refuseMethod(reply: FastifyReply): never {
  void reply.header('allow', 'POST');
  throw new HttpException('MCP is spoken here by POST alone.', 405);
}

/** The guard let them in, and the interceptor opened their tenant's scope. */
function callerOf(request: FastifyRequest): McpCaller {
  const identity = identityOf(request);
  return {
    requestId: request.id,
    run: async (scope, work) => {
      if (!identity) throw new TenantRequiredError();
      checkScope(identity, scope);
      return work();
    },
  };
}
