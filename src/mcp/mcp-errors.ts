import { ProtocolError, ProtocolErrorCode, type CallToolResult } from '@modelcontextprotocol/server';
import { Logger } from '@nestjs/common';
import { loggedProblem } from '../http/problem.js';
import { REFUSED } from '../http/json-rpc.js';

/** Where a tool's result has the problem for programs; beside the text, since `structuredContent` is the tool's own. */
export const PROBLEM_META = 'triptych/problem';

const logger = new Logger('Mcp');

/** What to do, where the text of the error does not say it. */
const REMEDIES: Readonly<Record<number, string>> = {
  400: 'Correct the arguments and call again.',
  404: 'Check the id; recall and list_sessions name those that there are.',
  409: 'Read the session again before trying once more.',
  412: 'Read the session again and use its version.',
  422: 'Change the arguments and call again.',
  503: 'Try again in 5 seconds.',
};

/** A tool that did not do what it was asked: a result, so that the model reads what is wrong and what to do. */
export function failedCall(error: unknown, requestId?: string): CallToolResult {
  const { type: _type, title: _title, ...problem } = loggedProblem(logger, error, requestId);
  const remedy = REMEDIES[problem.status];
  const text = `${problem.code}: ${withStop(problem.detail)}${remedy === undefined ? '' : ` ${remedy}`}`;
  return { isError: true, content: [{ type: 'text', text }], _meta: { [PROBLEM_META]: problem } };
}

/** An error of anything that is no tool. */
export function protocolError(error: unknown, uri: string | undefined, requestId?: string): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const problem = loggedProblem(logger, error, requestId);
  const { status, code, detail, type: _type, title: _title, ...more } = problem;
  if (status === 404 && uri !== undefined)
    return new ProtocolError(ProtocolErrorCode.InvalidParams, detail, { uri, code, status });
  const ofCaller = status === 400 || status === 404 || status === 422;
  const number = status === 500 ? ProtocolErrorCode.InternalError : REFUSED;
  return new ProtocolError(ofCaller ? ProtocolErrorCode.InvalidParams : number, detail, {
    code,
    status,
    ...more,
  });
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
