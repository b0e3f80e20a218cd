import { type McpServer, ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server';
import { protocolError } from './mcp-errors.js';
import type { McpCaller, McpServices } from './tool.js';

const TEMPLATE = 'triptych://sessions/{threadId}';
const JSON_TYPE = 'application/json';
/** Of the threads that changed last, so many are looked through for those that begin as asked. */
const COMPLETED_AMONG = 200;

/** The address of a session as a resource; any thread id can stand in it. */
export function sessionUri(threadId: string): string {
  return `triptych://sessions/${encodeURIComponent(threadId)}`;
}

/** The sessions of the caller's tenant as resources: listed page by page, each read as JSON. */
export function registerSessions(server: McpServer, services: McpServices, caller: McpCaller): void {
  const { sessions } = services;
  const asCaller = async <T>(uri: string | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await caller.run('read', work);
    } catch (error) {
      throw protocolError(error, uri, caller.requestId);
    }
  };
  const complete = async (begun: string): Promise<string[]> => {
    const page = await asCaller(undefined, () => sessions.listSessions({ limit: COMPLETED_AMONG }));
    return page.sessions.map(({ threadId }) => threadId).filter((threadId) => threadId.startsWith(begun));
  };
  server.registerResource(
    'session',
    // Listed below: the callback that could stand here has no cursor.
    new ResourceTemplate(TEMPLATE, { list: undefined, complete: { threadId: complete } }),
    {
      title: 'Session',
      description:
        'A conversation as JSON: its 50 newest messages, oldest first, its version, and `nextBefore` for the tool ' +
        'read_session when there are older ones. A thread id is percent-encoded.',
      mimeType: JSON_TYPE,
    },
    async (uri, { threadId }) => {
      const page = await asCaller(uri.href, () =>
        sessions.getThread(decoded(String(threadId), uri.href), {}),
      );
      return { contents: [{ uri: uri.href, mimeType: JSON_TYPE, text: JSON.stringify(page) }] };
    },
  );
  server.server.setRequestHandler('resources/list', async ({ params }) => {
    const cursor = params?.cursor;
    const page = await asCaller(undefined, () =>
      sessions.listSessions(cursor === undefined ? {} : { cursor }),
    );
    return {
      resources: page.sessions.map(({ threadId, messageCount, updatedAt }) => ({
        uri: sessionUri(threadId),
        name: threadId,
        description: messageCount === 1 ? '1 message' : `${messageCount} messages`,
        mimeType: JSON_TYPE,
        annotations: { lastModified: updatedAt },
      })),
      ...(page.nextCursor !== null && { nextCursor: page.nextCursor }),
    };
  });
}

function decoded(threadId: string, uri: string): string {
  try {
    return decodeURIComponent(threadId);
  } catch {
    throw new ResourceNotFoundError(uri);
  }
}
