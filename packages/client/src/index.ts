/** The REST client of Triptych: a function for each operation, their types, and a client of a tenant. */
export {
  createTriptychClient,
  type Credential,
  type TriptychClient,
  type TriptychClientOptions,
} from './client.js';
export type { Resilience } from './resilient-fetch.js';
export { TriptychConnectionError, TriptychProblem, type ConnectionFailure, type Problem } from './problem.js';
export { eachMemory, eachMessage, eachReceipt, eachSession } from './pages.js';
export * from './generated/sdk.gen.js';
export type * from './generated/types.gen.js';
