import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiExtraModels,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiProblem, TenantApi } from '../http/api.decorator.js';
import { SessionStore, type ThreadPage } from './session-store.js';
import { AppendMessagesRequest, ListSessionsQuery, ReadMessagesQuery } from './session.request.js';
import {
  AppendedView,
  MessageView,
  SessionPageView,
  StoredMessageView,
  ThreadPageView,
} from './session.view.js';

@TenantApi('sessions')
@ApiExtraModels(MessageView, StoredMessageView)
@Controller('v1/sessions')
export class SessionController {
  constructor(private readonly sessions: SessionStore) {}

  @Post(':threadId/messages')
  @ApiOperation({ summary: 'Append messages to a thread, all or none' })
  @ApiCreatedResponse({ type: AppendedView })
  @ApiProblem(409, 'A message of the thread has one of the ids already.')
  append(
    @Param('threadId') threadId: string,
    @Body() { messages }: AppendMessagesRequest,
  ): Promise<Omit<ThreadPage, 'nextBefore'>> {
    return this.sessions.appendMessages(threadId, messages);
  }

  @Get(':threadId/messages')
  @ApiOperation({ summary: 'The newest messages of a thread, oldest first' })
  @ApiOkResponse({ type: ThreadPageView })
  @ApiProblem(404, 'There is no such thread.')
  async read(
    @Param('threadId') threadId: string,
    @Query() query: ReadMessagesQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ThreadPage> {
    const page = await this.sessions.getThread(threadId, query);
    void reply.header('etag', `"${page.version}"`);
    return page;
  }

  @Get()
  @ApiOperation({ summary: 'The threads of the tenant, the last changed first' })
  @ApiOkResponse({ type: SessionPageView })
  list(@Query() query: ListSessionsQuery): Promise<SessionPageView> {
    return this.sessions.listSessions(query);
  }

  @Delete(':threadId')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a session: the only way one ends' })
  @ApiNoContentResponse()
  @ApiProblem(404, 'There is no such thread.')
  clear(@Param('threadId') threadId: string): Promise<void> {
    return this.sessions.clearSession(threadId);
  }
}
