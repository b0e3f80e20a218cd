import { z } from 'zod';
import { MAX_MESSAGE_ID, MAX_MESSAGES } from '../session/message-validation.js';
import { MESSAGE_ROLES, type Message } from '../session/message.js';
import { MAX_PAGE } from '../session/session-store.js';
import { MAX_THREAD_ID } from '../session/thread-id.js';
import { defineTool, type McpTool } from './tool.js';
import { THREAD_PAGE } from './view-schemas.js';

export const THREAD_ID = z
  .string()
  .min(1)
  .max(MAX_THREAD_ID)
  .describe('The id of the conversation: any text but "." and "..".');
/** An integer column ends there. */
const MAX_SEQ = 2_147_483_647;
const LIMIT = z.int().min(1).max(MAX_PAGE).optional();

const MESSAGE = z
  .looseObject({
    role: z.enum(MESSAGE_ROLES),
    content: z
      .union([z.string(), z.array(z.looseObject({ type: z.string() }))])
      .nullish()
      .describe('Text, or parts such as {"type":"text","text":"…"}.'),
    id: z
      .string()
      .min(1)
      .max(MAX_MESSAGE_ID)
      .optional()
      .describe(
        'Unique in the thread. With it a second call with the same message is refused, not repeated.',
      ),
    name: z.string().optional(),
    tool_calls: z.array(z.looseObject({ id: z.string(), type: z.string() })).optional(),
    tool_call_id: z.string().optional().describe('Required of a message with the role `tool`.'),
  })
  .describe('An OpenAI chat-completions message; further fields are kept.');

const appendMessages = defineTool({
  name: 'append_messages',
  title: 'Append messages',
  description:
    'Appends messages to a conversation, all or none, in the order given. A thread that is not there begins with them. ' +
    'Gives back the messages as stored, each with its place `seq`.',
  input: z.strictObject({
    threadId: THREAD_ID,
    messages: z.array(MESSAGE).min(1).max(MAX_MESSAGES),
    expectedVersion: z
      .int()
      .min(0)
      .max(MAX_SEQ)
      .optional()
      .describe('Append only if the thread is at this version; 0: only if there is no such thread yet.'),
  }),
  output: THREAD_PAGE,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  scope: 'write',
  run: ({ threadId, messages, expectedVersion }, { sessions }) =>
    sessions.appendMessages(
      threadId,
      messages as Message[],
      expectedVersion === undefined ? {} : { expectedVersion },
    ),
});

const readSession = defineTool({
  name: 'read_session',
  title: 'Read a session',
  description:
    'The newest messages of a conversation, oldest first. For older ones call again with `before` = `nextBefore`.',
  input: z.strictObject({
    threadId: THREAD_ID,
    limit: LIMIT.describe('At most this many messages; default 50.'),
    before: z.int().min(1).max(MAX_SEQ).optional().describe('Only messages with a smaller `seq`.'),
  }),
  output: THREAD_PAGE.extend({
    nextBefore: z.int().nullable().describe('Pass as `before` for older messages; null when there are none.'),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'read',
  run: ({ threadId, ...page }, { sessions }) => sessions.getThread(threadId, page),
});

const listSessions = defineTool({
  name: 'list_sessions',
  title: 'List sessions',
  description:
    'The conversations that there are, the last changed first. For more call again with `cursor` = `nextCursor`.',
  input: z.strictObject({
    limit: LIMIT.describe('At most this many; default 50.'),
    cursor: z.string().max(2_048).optional().describe('`nextCursor` of the page before.'),
  }),
  output: z.looseObject({
    sessions: z.array(
      z.looseObject({
        threadId: z.string(),
        version: z.int(),
        messageCount: z.int(),
        createdAt: z.string(),
        updatedAt: z.string(),
      }),
    ),
    nextCursor: z.string().nullable(),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'read',
  run: (page, { sessions }) => sessions.listSessions(page),
});

export const SESSION_TOOLS: readonly McpTool[] = [appendMessages, readSession, listSessions];
