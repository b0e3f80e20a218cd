import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { spacedText, visitFeatures, wordsOf } from './text-features.js';

describe('the words of a text', () => {
  it.each([
    ['Where did Mel’s DOG go?', ['where', 'did', 'mel', 's', 'dog', 'go']],
    ['ＡＢＣ ﬁne, cafe\u0301', ['abc', 'fine', 'caf\u00e9']],
    ['gpt4 2023 🍕', ['gpt4', '2023', '🍕']],
    ['我的狗Bello', ['我的', '的狗', 'bello']],
    ['2023年', ['2023', '年']],
    ['고양이가 잔다', ['고양', '양이', '이가', '잔다']],
    ['…!', []],
    ['', []],
  ])('%j are %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });
});

describe('a text with its words set apart', () => {
  it('keeps all that is apart already', () => {
    const text = 'Mail mel@example.org about 3.14 or https://example.org/a-b?c=d.';
    expect(spacedText(text)).toBe(text);
  });

  it('has pairs of characters for words where a script sets no spaces', () => {
    expect(spacedText('用iPhone拍照。狗')).toBe(' 用 iPhone 拍照 。 狗 ');
  });

  it('has the words of the text', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', 'B', 'é', '1', '漢', '字', 'か', '한', 'ก', '。', ' ', '🍕'),
        }),
        (text) => {
          expect(new Set(wordsOf(spacedText(text)))).toEqual(new Set(wordsOf(text)));
        },
      ),
    );
  });
});

describe('the features of a text', () => {
  it('name the words that they are part of', () => {
    const words = new Map<string, readonly string[]>();
    visitFeatures('我的狗 tea', (feature, _weight, of) => words.set(feature, of));
    expect(Object.fromEntries(words)).toEqual({
      'gram:我': ['我的'],
      'gram:的': ['我的', '的狗'],
      'gram:狗': ['的狗'],
      'gram:我的': ['我的'],
      'gram:的狗': ['的狗'],
      'word:tea': ['tea'],
      'gram:<tea': ['tea'],
      'gram:tea>': ['tea'],
    });
  });

  it('are the characters of a text without a word, and never none', () => {
    const features: string[] = [];
    visitFeatures('?!', (feature) => features.push(feature));
    visitFeatures('', (feature) => features.push(feature));
    expect(features).toEqual(['character:?', 'character:!', 'character:\0']);
  });
});
