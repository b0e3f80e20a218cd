import { z } from 'zod';

/** What tools give back. Loose, so that a client that checks it takes what a later version adds. */

/** A message as it is stored; fields that are not named here are kept and answered unchanged. */
export const STORED_MESSAGE = z.looseObject({
  role: z.string(),
  id: z.string().describe("The writer's id, or a UUIDv7."),
  seq: z.int().describe('Place in the thread: 1, 2, 3 …'),
  tokens: z.int().describe('Tokens of the message, its overhead included.'),
  createdAt: z.string().describe('ISO 8601.'),
});

export const MEMORY = z.looseObject({
  memoryId: z.string().describe('For `forget`.'),
  agentId: z.string(),
  content: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  source: z.looseObject({}).nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  revision: z.int(),
  copies: z.int().describe('How often it was said, if copies were folded.'),
  retractedAt: z.string().nullable().describe('Since when it is out of recall.'),
  embeddingStatus: z.string().describe('`ready`: found by its meaning as well as by its words.'),
});

export const DEGRADED = z
  .array(z.looseObject({ code: z.string(), detail: z.string() }))
  .describe('What could not be used for this answer, such as embeddings; empty when nothing was missing.');

export const THREAD_PAGE = z.looseObject({
  threadId: z.string(),
  version: z.int().describe('Grows by one with each change of the thread.'),
  messages: z.array(STORED_MESSAGE),
});
