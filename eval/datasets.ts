import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from './command-line.js';

const documentSchema = z.object({
  id: z.string().min(1),
  text: z.string(),
  speaker: z.string().nullish(),
  role: z.string().nullish(),
  date: z.string().nullish(),
  session: z.union([z.string(), z.number()]).nullish(),
  /** Place of the document in its conversation. */
  pos: z.int().min(0).nullish(),
});

const querySchema = z.object({
  id: z.string().min(1),
  q: z.string().regex(/\S/, 'must not be blank'),
  /** Ids of the documents that hold the evidence. */
  rel: z.array(z.string()),
});

const conversationSchema = z.object({
  id: z.string().min(1),
  docs: z.array(documentSchema).min(1).refine(distinctIds, 'must not have an id twice'),
  queries: z.array(querySchema),
});

const datasetSchema = z.object({
  name: z.string().min(1),
  tenants: z.array(conversationSchema).min(1),
});

export type Document = z.output<typeof documentSchema>;
export type Query = z.output<typeof querySchema>;
export type Conversation = z.output<typeof conversationSchema>;
export type Dataset = z.output<typeof datasetSchema>;

export interface Selection {
  /** Only the data sets of these names; absent: all. */
  names?: readonly string[] | undefined;
  /** Only the first so many conversations of each. */
  limit?: number | undefined;
}

/**
 * Reads every `*.json` of a folder, in the order of the file names.
 * @throws UsageError when there is none, one is not a data set, or a name asked for is missing
 */
export function readDatasets(folder: string, { names, limit }: Selection = {}): Dataset[] {
  if (!existsSync(folder)) throw new UsageError(`There is no folder ${folder}. Name one with --data DIR.`);
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  if (files.length === 0)
    throw new UsageError(`The folder ${folder} has no data set (*.json). Name another with --data DIR.`);
  const datasets = files.map((file) => parseDataset(join(folder, file)));
  const missing = names?.find((name) => !datasets.some((dataset) => dataset.name === name));
  if (missing !== undefined)
    throw new UsageError(
      `There is no data set ${JSON.stringify(missing)}. There are: ${datasets.map(({ name }) => name).join(', ')}.`,
    );
  return datasets
    .filter(({ name }) => names?.includes(name) ?? true)
    .map((dataset) => ({ ...dataset, tenants: dataset.tenants.slice(0, limit) }));
}

function parseDataset(file: string): Dataset {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const result = datasetSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 10).map(({ path, message }) => {
    const place = path.length > 0 ? path.join('.') : 'the file';
    return `  ${place}: ${message}`;
  });
  throw new UsageError(`${file} is not a data set:\n${problems.join('\n')}`);
}

function distinctIds(documents: readonly { id: string }[]): boolean {
  return new Set(documents.map(({ id }) => id)).size === documents.length;
}
