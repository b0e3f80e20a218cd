import { fastify } from 'fastify';
import { ReadsByHand } from './compile-by-hand.js';
import { giveQuestions } from './compile-questions.js';

/** What {@link RouteRequest} asks for. */
export interface RouteRequest {
  readonly tenantId: string;
  readonly threadId: string;
  readonly messages: number;
  readonly memories: number;
  readonly question: string;
}

/** As many as the service has unless told otherwise. */
const CONNECTIONS = 10;

/** A route that reads what a compile reads and answers the rows: no tenant is proven, nothing is counted or cut. */
const vectors = giveQuestions(process.env);
const byHand = ReadsByHand.open(process.env['DATABASE_URL'] ?? '', CONNECTIONS);
const server = fastify();
server.post<{ Body: RouteRequest }>('/compile', async ({ body: { question, ...reads } }) => {
  const [messages, memories] = await byHand.atOnce({ ...reads, vector: vectors.vectorOf(question) });
  return { messages, memories };
});
process.once('SIGTERM', () => {
  void server.close().then(() => byHand.close());
});
const url = await server.listen({ host: '127.0.0.1', port: 0 });
console.error(`The route listens on ${url};`);
