import { describe, expect, it } from '@jest/globals';
import { MAX_QUESTION, readQuestion, unknownWords, type QuestionLexeme } from './question.js';

const lexeme = (name: string, frequency: number, ...words: string[]): QuestionLexeme => ({
  lexeme: name,
  words,
  frequency,
  isAsking: false,
});

describe('a question', () => {
  it('is read as its words, each once', () => {
    expect(readQuestion('Where did Mel’s dog, the DOG, go in 2023?')).toEqual({
      text: 'Where did Mel’s dog, the DOG, go in 2023?',
      lexicalText: 'Where did Mel’s dog, the DOG, go in 2023?',
      words: ['where', 'did', 'mel', 's', 'dog', 'the', 'go', 'in', '2023'],
    });
  });

  it('is read in pairs where a script sets no spaces', () => {
    const { lexicalText, words } = readQuestion('我的狗Bello？');
    expect(lexicalText).toBe(' 我的 的狗 Bello ?');
    expect(words).toEqual(['我的', '的狗', 'bello']);
  });

  it.each(['', ' \n', '?!', '。。'])('of no word, as %j, has none', (query) => {
    expect(readQuestion(query).words).toEqual([]);
  });

  it('is read at its beginning when it is long', () => {
    const { text, words } = readQuestion(`x${'👩‍👩‍👧‍👦'.repeat(20_000)}`);
    expect(text.length).toBeLessThanOrEqual(MAX_QUESTION);
    expect(text.length).toBeGreaterThan(MAX_QUESTION - 12);
    expect(text.endsWith('👩‍👩‍👧‍👦')).toBe(true);
    expect(words[0]).toBe('x');
  });
});

describe('the unknown words of a question', () => {
  it('are those that nobody has written, in their order, stop words left out', () => {
    const question = readQuestion('Where did Zoey hikng with the camra in 2019 at noon');
    const lexemes = [
      lexeme('2019', 0, '2019'),
      lexeme('camra', 0, 'camra'),
      lexeme('hikng', 0, 'hikng'),
      lexeme('noon', 4, 'noon'),
      lexeme('zoey', 0, 'zoey'),
    ];
    expect(unknownWords(question, lexemes)).toEqual(['zoey', 'hikng', 'camra']);
  });

  it('are none that has one known lexeme of several', () => {
    const lexemes = [lexeme('fussball', 0, 'fussball'), lexeme('ball', 3, 'fussball')];
    expect(unknownWords(readQuestion('fussball'), lexemes)).toEqual([]);
  });

  it('are the first few of a long question', () => {
    const words = Array.from(
      { length: 50 },
      (_, at) => `abcd${String.fromCharCode(97 + (at % 26)).repeat(1 + at / 26)}`,
    );
    const lexemes = words.toReversed().map((word) => lexeme(word, 0, word));
    expect(unknownWords(readQuestion(words.join(' ')), lexemes)).toEqual(words.slice(0, 8));
  });
});
