import { describe, expect, it } from '@jest/globals';
import { type Message } from '../session/message.js';
import { groupMessages } from './message-groups.js';

const user: Message = { role: 'user', content: 'hi' };
const call = (...ids: string[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id: string): Message => ({ role: 'tool', tool_call_id: id, content: 'ok' });
const shape = (...messages: Message[]): [string, number][] =>
  groupMessages(messages.map((message) => ({ message }))).map(({ standing, entries }) => [
    standing,
    entries.length,
  ]);

describe('groupMessages', () => {
  it('leaves messages without tools alone', () => {
    expect(
      shape(user, { role: 'assistant', content: 'hello' }, { role: 'assistant', tool_calls: [] }),
    ).toEqual([
      ['sound', 1],
      ['sound', 1],
      ['sound', 1],
    ]);
  });

  it('holds parallel calls and their results together, in whatever order they came', () => {
    expect(shape(user, call('a', 'b'), result('b'), result('a'), user)).toEqual([
      ['sound', 1],
      ['sound', 3],
      ['sound', 1],
    ]);
  });

  it('knows a call that waits for one of its results', () => {
    expect(shape(call('a', 'b'), result('a'))).toEqual([['unanswered_tool_call', 2]]);
    expect(shape(call('a'), user, result('b'))).toEqual([
      ['unanswered_tool_call', 1],
      ['sound', 1],
      ['orphan_tool_result', 1],
    ]);
  });

  it('brings a result to its call, whatever was said meanwhile', () => {
    expect(shape(call('a'), user, result('a'))).toEqual([
      ['sound', 2],
      ['sound', 1],
    ]);
    expect(shape(call('a', 'b'), result('b'), user, result('a'), user)).toEqual([
      ['sound', 3],
      ['sound', 1],
      ['sound', 1],
    ]);
    // Two agents in one thread.
    expect(shape(call('a'), call('b'), result('a'), result('b'))).toEqual([
      ['sound', 2],
      ['sound', 2],
    ]);
  });

  it('brings a result to the newest of several calls of its id that wait for it, and none to one that has its own', () => {
    expect(shape(call('a'), user, call('a'), user, result('a'))).toEqual([
      ['unanswered_tool_call', 1],
      ['sound', 1],
      ['sound', 2],
      ['sound', 1],
    ]);
    expect(shape(call('a'), result('a'), user, result('a'))).toEqual([
      ['sound', 2],
      ['sound', 1],
      ['orphan_tool_result', 1],
    ]);
  });

  it('wants a result for each of two calls of one id', () => {
    expect(shape(call('a', 'a'), result('a'))).toEqual([['unanswered_tool_call', 2]]);
    expect(shape(call('a', 'a'), result('a'), result('a'))).toEqual([['sound', 3]]);
  });

  it('takes no call from anybody but an assistant', () => {
    const odd: Message = { role: 'user', content: 'hi', tool_calls: call('a').tool_calls ?? [] };
    expect(shape(odd)).toEqual([['sound', 1]]);
  });

  it('knows a result without its call, and one that strayed between others', () => {
    expect(shape(result('a'), user)).toEqual([
      ['orphan_tool_result', 1],
      ['sound', 1],
    ]);
    expect(shape(call('a', 'b'), result('a'), result('z'), result('b'))).toEqual([
      ['sound', 3],
      ['orphan_tool_result', 1],
    ]);
  });

  it('lets ids come again in later turns', () => {
    expect(shape(call('a'), result('a'), call('a'), result('a'))).toEqual([
      ['sound', 2],
      ['sound', 2],
    ]);
  });

  it('groups the older form of a call alike', () => {
    const calling: Message = {
      role: 'assistant',
      content: null,
      function_call: { name: 'f', arguments: '{}' },
    };
    expect(shape(calling, { role: 'function', name: 'f', content: 'ok' })).toEqual([['sound', 2]]);
    expect(shape(calling, { role: 'function', name: 'g', content: 'ok' })).toEqual([
      ['unanswered_tool_call', 1],
      ['orphan_tool_result', 1],
    ]);
  });
});
