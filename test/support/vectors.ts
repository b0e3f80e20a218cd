import { uniform } from '../../bench/random.js';
import type { Embedder } from '../../src/embeddings/embedder.js';
import { LocalEmbedder } from '../../src/embeddings/local-embedder.js';

export const DIMENSIONS = 1_536;

/** One vector after another, of what is stored or of what is asked; the same in each run. */
export type Vectors = (count: number, kind: 'stored' | 'asked') => Promise<number[][]>;

/** Normally distributed numbers (Box & Muller, 1958). */
function normal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function vectors(vectorOf: (gauss: () => number, i: number) => (axis: number) => number): Vectors {
  return (count, kind) => {
    const gauss = normal(uniform(kind === 'stored' ? 11 : 12));
    return Promise.resolve(
      Array.from({ length: count }, (_, i) =>
        unit(Array.from({ length: DIMENSIONS }, vectorAt(vectorOf(gauss, i)))),
      ),
    );
  };
}

const vectorAt = (at: (axis: number) => number) => (_: unknown, axis: number) => at(axis);

function unit(vector: number[]): number[] {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / length);
}

/** Directions that all vectors of a kind know. */
const centres = ((gauss) => Array.from({ length: 15 }, () => Array.from({ length: DIMENSIONS }, gauss)))(
  normal(uniform(10)),
);
const centre = (i: number): number[] => centres[i % centres.length] ?? [];

const WORDS = Array.from({ length: 3_000 }, (_, i) => (i * 2_654_435_761).toString(36).replace(/\d/g, ''));

/** A text in which few words are frequent and most are rare (Zipf), about one of some matters. */
function text(random: () => number, length: number): string {
  const matter = Math.floor(random() * 40) * 70;
  const word = (): string => WORDS[Math.floor(WORDS.length ** random()) - 1] ?? '';
  const ownWord = (): string => WORDS[matter + Math.floor(70 * random())] ?? '';
  return Array.from({ length }, () => (random() < 0.4 ? ownWord() : word())).join(' ');
}

/** What recall is measured on: what models answer, and what is hard for bits of signs. */
export const VECTORS: Readonly<Record<string, Vectors>> = {
  'in clusters': vectors((gauss, i) => (axis) => (centre(i)[axis] ?? 0) + 0.6 * gauss()),
  'along few axes': vectors((gauss) => (axis) => gauss() * (axis + 1) ** -0.45),
  'of near duplicates': vectors((gauss, i) =>
    i % 3
      ? (axis) => (centre(0)[axis] ?? 0) + 1e-3 * gauss()
      : (axis) => (centre(i)[axis] ?? 0) + 0.6 * gauss(),
  ),
  'in random directions': vectors((gauss) => gauss),
  'of the built-in embedder': (count, kind) => {
    const random = uniform(kind === 'stored' ? 13 : 14);
    const length = kind === 'stored' ? 30 : 8;
    const embedder: Embedder = new LocalEmbedder(DIMENSIONS);
    return embedder.embed(
      Array.from({ length: count }, () => text(random, length)),
      'document',
    );
  },
};
