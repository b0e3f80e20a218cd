import { questionsOf, tenantOf, type Question } from './recall-data.js';
import { GivenVectors } from './recall-embedder.js';

/** Questions on each tenant that are asked over HTTP. */
const QUESTIONS = 100;
const VARIABLE = 'BENCH_TENANTS';

/** Tells a process that is started about which tenants it is asked. */
export function questionsFor(rows: readonly number[]): Record<string, string> {
  return { [VARIABLE]: rows.join(' ') };
}

/** In that process: the vectors of what it is asked. */
export function giveQuestions(environment: NodeJS.ProcessEnv): GivenVectors {
  const vectors = new GivenVectors();
  for (const rows of (environment[VARIABLE] ?? '').split(' ').map(Number)) questionsOn(rows, vectors);
  return vectors;
}

/** The questions themselves. */
export function questionsOn(rows: number, vectors: GivenVectors): Question[] {
  return questionsOf(tenantOf(rows), QUESTIONS, vectors);
}
