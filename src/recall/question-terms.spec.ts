import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inverseDocumentFrequency, lengthPrior } from './bm25.js';
import { correctionsOf, MAX_TERMS, termsOf, wordWeights, type NearLexeme } from './question-terms.js';
import { type QuestionLexeme } from './question.js';

const CHUNKS = 1_000;

const lexeme = (name: string, frequency: number, isAsking = false): QuestionLexeme => ({
  lexeme: name,
  words: [name],
  frequency,
  isAsking,
});
const near = (word: string, name: string, frequency: number): NearLexeme => ({
  word,
  lexeme: name,
  variants: [`${name}s`],
  frequency,
});

describe('what a lexeme tells', () => {
  it('is more the rarer it is, and never less than nothing', () => {
    expect(inverseDocumentFrequency(1, 10)).toBeCloseTo(Math.log(1 + 9.5 / 1.5), 12);
    expect(inverseDocumentFrequency(5, 10)).toBeCloseTo(Math.LN2, 12);
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (frequency, more, chunks) => {
        const idf = inverseDocumentFrequency(frequency, chunks);
        expect(idf).toBeGreaterThanOrEqual(0);
        expect(inverseDocumentFrequency(frequency + more, chunks)).toBeLessThanOrEqual(idf);
      }),
    );
  });
});

describe('what the best of many chunks says', () => {
  it('is less the more there are', () => {
    expect(lengthPrior(1)).toBe(1);
    expect(lengthPrior(0)).toBe(1);
    expect(lengthPrior(10)).toBeCloseTo(1 / (1 + 0.2 * Math.LN10), 12);
    expect(lengthPrior(11)).toBeLessThan(lengthPrior(10));
  });
});

describe('corrections', () => {
  it('are of each word the three that are written most, in a certain order', () => {
    const found = [
      near('hikng', 'hi', 10),
      near('hikng', 'hike', 41),
      near('hikng', 'hing', 0),
      near('hikng', 'b', 5),
    ];
    found.push(near('hikng', 'a', 5), near('camra', 'camera', 2));
    const expected = ['hike', 'hi', 'a', 'camera'];
    expect(correctionsOf(found).map(({ lexeme: name }) => name)).toEqual(expected);
    expect(correctionsOf(found.toReversed()).map(({ lexeme: name }) => name)).toEqual(expected);
  });
});

describe('the terms of a question', () => {
  it('weigh what they tell, less for words of asking, and nothing for what is unknown', () => {
    expect(termsOf([lexeme('item', 9, true), lexeme('dog', 9), lexeme('zzz', 0)], [], CHUNKS)).toEqual([
      { lexeme: 'dog', weight: inverseDocumentFrequency(9, CHUNKS) },
      { lexeme: 'item', weight: 0.3 * inverseDocumentFrequency(9, CHUNKS) },
    ]);
  });

  it('share the weight of a word among its corrections', () => {
    const corrections = [near('hikng', 'hike', 41), near('hikng', 'hi', 10), near('camra', 'camera', 10)];
    const terms = new Map(termsOf([], corrections, CHUNKS).map(({ lexeme: name, weight }) => [name, weight]));
    expect(terms.get('hike')).toBeCloseTo(inverseDocumentFrequency(41, CHUNKS) / Math.SQRT2, 12);
    expect(terms.get('hi')).toBeCloseTo(inverseDocumentFrequency(10, CHUNKS) / Math.SQRT2, 12);
    expect(terms.get('camera')).toBe(inverseDocumentFrequency(10, CHUNKS));
  });

  it('have the highest weight of a lexeme that comes twice', () => {
    const terms = termsOf([lexeme('hike', 41)], [near('hikng', 'hike', 41), near('hikng', 'hi', 3)], CHUNKS);
    expect(terms.find(({ lexeme: name }) => name === 'hike')?.weight).toBe(
      inverseDocumentFrequency(41, CHUNKS),
    );
  });

  it('are those that tell most when a question is long', () => {
    const lexemes = Array.from({ length: 500 }, (_, at) => lexeme(`w${at}`, 1 + ((at * 7) % 500)));
    const terms = termsOf(lexemes, [], CHUNKS);
    expect(terms).toHaveLength(MAX_TERMS);
    expect(terms.at(-1)?.weight).toBe(inverseDocumentFrequency(MAX_TERMS, CHUNKS));
  });
});

describe('the weights of words', () => {
  it('are those of their lexemes, and of a stop word that of half of the chunks', () => {
    const weightOf = wordWeights([lexeme('dog', 9), lexeme('zzzz', 0)], [], CHUNKS);
    expect(weightOf('dog')).toBe(inverseDocumentFrequency(9, CHUNKS));
    expect(weightOf('zzzz')).toBe(inverseDocumentFrequency(0, CHUNKS));
    expect(weightOf('the')).toBeCloseTo(inverseDocumentFrequency(500, CHUNKS), 12);
  });

  it('leave half of a corrected word, and give what stands in for it all', () => {
    const weightOf = wordWeights([lexeme('hikng', 0)], [near('hikng', 'hike', 41)], CHUNKS);
    expect(weightOf('hikng')).toBe(inverseDocumentFrequency(0, CHUNKS) / 2);
    expect(weightOf('hikes')).toBe(inverseDocumentFrequency(41, CHUNKS));
  });

  it('are finite without a single chunk', () => {
    expect(wordWeights([lexeme('dog', 0)], [], 0)('dog')).toBeCloseTo(Math.LN2, 12);
    expect(termsOf([lexeme('dog', 0)], [], 0)).toEqual([]);
  });
});
