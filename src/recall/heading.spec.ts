import { describe, expect, it } from '@jest/globals';
import { endsInQuestion, headingOf, roleOf } from './heading.js';

describe('the heading of a memory', () => {
  it.each([
    [null, ''],
    [{}, ''],
    [{ speaker: 'Caroline' }, 'Caroline'],
    [{ occurredAt: '2023-05-08' }, '8 May 2023'],
    [{ speaker: 'Caroline', occurredAt: '2023-05-08T23:30:00-10:00' }, 'Caroline, 8 May 2023'],
    [{ speaker: '小白', occurredAt: '2023-12-31T00:00:00.123456Z' }, '小白, 31 December 2023'],
    [{ speaker: 'assistant', occurredAt: '2023-05-08' }, '8 May 2023'],
    [{ speaker: 'User' }, ''],
    [{ occurredAt: '2023-13-01' }, ''],
    [{ occurredAt: 'yesterday' }, ''],
  ])('of %j is %j', (source, heading) => {
    expect(headingOf(source)).toBe(heading);
  });
});

describe('the role of a speaker', () => {
  it('is the one given, or the one that stands for the name', () => {
    expect(roleOf('User', 'Caroline')).toBe('user');
    expect(roleOf(null, 'Assistant')).toBe('assistant');
    expect(roleOf(undefined, 'Caroline')).toBe('');
    expect(roleOf(null, null)).toBe('');
  });
});

describe('a turn that ends in a question', () => {
  it.each([
    'What now?',
    'What now? ',
    'He said: "What now?"',
    'Really (truly?)',
    '什么时候？',
    '「何ですか？」',
    'متى؟',
    'And this one? [shares a photo of a dog]',
    'And this one? [shares a photo of a dog] ',
    '[Is this it?]',
    '?',
  ])('is %j', (text) => {
    expect(endsInQuestion(text)).toBe(true);
  });

  it.each([
    '',
    ']',
    '[',
    'What now? Nothing.',
    'What now? :)x',
    'And this one? [shares a photo] Fine.',
    'And this? [a] [b]',
    'Fine. [What?] Fine',
    '"',
  ])('is not %j', (text) => {
    expect(endsInQuestion(text)).toBe(false);
  });

  it.each(['?[', '?', '?)', '[', ']', ') ', '?[]'])('is told of a long text of %j alone', (part) => {
    expect(endsInQuestion(`${part.repeat(500_000)}.`)).toBe(false);
  });
});
