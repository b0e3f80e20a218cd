import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { AcceptsIdempotencyKey } from '../http/idempotency.decorator.js';
import { entityTag, expectedVersionOf, isKnownVersion } from './entity-tag.js';
import { SessionStore, type AppendedMessages, type ThreadPage } from './session-store.js';
import { NewMessageView } from './new-message.view.js';
import { AppendMessagesRequest, ListSessionsQuery, ReadMessagesQuery } from './session.request.js';
import {
  AppendedView,
  MessageView,
  SessionPageView,
  StoredMessageView,
  THREAD_ID,
  ThreadPageView,
} from './session.view.js';

const ENTITY_TAG = {
  description: 'The version of the thread.',
  required: true,
  schema: { type: 'string' as const, pattern: '^"\\d{1,10}"$' },
};

@TenantApi('sessions')
@ApiExtraModels(MessageView, NewMessageView, StoredMessageView)
@Controller('v1/sessions')
export class SessionController {
  constructor(private readonly sessions: SessionStore) {}

  @Post(':threadId/messages')
  @ApiParam({ name: 'threadId', schema: THREAD_ID })
  @ApiOperation({ operationId: 'appendMessages', summary: 'Append messages to a thread, all or none' })
  @ApiHeader({
    name: 'If-Match',
    description:
      'Append only if the thread is at this version, its ETag; `"0"`: only if there is no thread yet.',
    required: false,
    schema: { type: 'string', pattern: '^"\\d{1,9}"$' },
  })
  @AcceptsIdempotencyKey()
  @ApiCreatedResponse({ type: AppendedView })
  @ApiProblem(
    409,
    'A message of the thread has one of the ids already, or somebody has the thread for himself.',
  )
  @ApiProblem(412, 'The thread is past the version that `If-Match` names.')
  append(
    @Param('threadId') threadId: string,
    @Body() { messages }: AppendMessagesRequest,
    @Headers('If-Match') ifMatch?: string,
  ): Promise<AppendedMessages> {
    const expectedVersion = expectedVersionOf(ifMatch);
    return this.sessions.appendMessages(threadId, messages, {
      ...(expectedVersion !== undefined && { expectedVersion }),
    });
  }

  @Get(':threadId/messages')
  @ApiParam({ name: 'threadId', schema: THREAD_ID })
  @ApiOperation({ operationId: 'readMessages', summary: 'The newest messages of a thread, oldest first' })
  @ApiHeader({
    name: 'If-None-Match',
    description: 'The ETag of an answer to the same request; 304 if the thread has not changed since.',
    required: false,
  })
  @ApiOkResponse({ type: ThreadPageView, headers: { ETag: ENTITY_TAG } })
  @ApiResponse({ status: 304, description: 'The thread is as it was.', headers: { ETag: ENTITY_TAG } })
  @ApiProblem(404, 'There is no such thread.')
  async read(
    @Param('threadId') threadId: string,
    @Query() query: ReadMessagesQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('If-None-Match') ifNoneMatch?: string,
  ): Promise<ThreadPage | undefined> {
    const page = await this.sessions.getThread(threadId, query);
    void reply.header('etag', entityTag(page.version));
    if (!isKnownVersion(ifNoneMatch, page.version)) return page;
    void reply.status(304);
    return undefined;
  }

  @Get()
  @ApiOperation({ operationId: 'listSessions', summary: 'The threads of the tenant, the last changed first' })
  @ApiOkResponse({ type: SessionPageView })
  list(@Query() query: ListSessionsQuery): Promise<SessionPageView> {
    return this.sessions.listSessions(query);
  }

  @Delete(':threadId')
  @ApiParam({ name: 'threadId', schema: THREAD_ID })
  @HttpCode(204)
  @AcceptsIdempotencyKey()
  @ApiOperation({ operationId: 'clearSession', summary: 'End a session: the only way one ends' })
  @ApiNoContentResponse()
  @ApiProblem(404, 'There is no such thread.')
  clear(@Param('threadId') threadId: string): Promise<void> {
    return this.sessions.clearSession(threadId);
  }
}
