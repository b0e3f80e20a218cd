import type { ApiDocument, Response } from './api-document.js';
import { faultsOf, type Parts, type Verdict } from './fuzz-request.js';
import type { FuzzAnswer } from './fuzz-run.js';

/** Why the service may refuse what matches the document: what no schema can say, but docs/http.md and docs/filters.md do. */
const UNSAYABLE: readonly RegExp[] = [
  /must not contain NUL/,
  /must not contain a lone surrogate/,
  /must not have a key named __proto__/,
  /is nested more than \d+ levels deep/,
  /must have at most \d+ characters as JSON/,
  /must have at most \d+ conditions/,
  /stands twice in this request/,
  /is not a cursor of this list/,
  /must be a date or time in ISO 8601/,
  /must be a whole number from 1 to \d+, the largest tier's/,
  /The four shares must add up to 1/,
];

/** What is wrong with an answer; nothing when it is as the document says. */
export function findingsOf(
  document: ApiDocument,
  parts: Parts,
  verdict: Verdict,
  answer: FuzzAnswer,
): string[] {
  const { status } = answer;
  if (status === 0) return ['no answer'];
  if (status >= 500) return [`a failure: ${status} ${codeOf(answer)}`];
  if (isUnrouted(parts, answer)) return [];
  const response = parts.operation.responses[String(status)];
  if (!response) return [`a status that is not documented: ${status} ${codeOf(answer)}`];
  // What Node's parser refuses has no request yet, and no id of one.
  if (status === 431) return bodyFindings(document, response, answer);
  return [
    ...outcomeFindings(faultsOf(document, parts), verdict, answer),
    ...headerFindings(document, response, answer),
    ...bodyFindings(document, response, answer),
  ];
}

/** A parameter that is empty, or longer than the router takes, makes another path of the path. */
function isUnrouted({ path, rawPath }: Parts, answer: FuzzAnswer): boolean {
  const isOther =
    rawPath !== undefined || Object.values(path).some((value) => value === '' || value.length > 1_000);
  return isOther && answer.status === 404 && codeOf(answer) === 'route_not_found';
}

/** Accepted or refused, against what the document and the prose say of the request. */
function outcomeFindings(faults: readonly string[], verdict: Verdict, answer: FuzzAnswer): string[] {
  const { status } = answer;
  const isAccepted = status < 400;
  if (verdict === 'either') return [];
  if (verdict === 'refused') return isAccepted ? ['accepted, though docs/http.md refuses it'] : [];
  if (faults.length > 0)
    return isAccepted ? [`accepted, though the document forbids it: ${generalised(faults[0] ?? '')}`] : [];
  if (status !== 400 && status !== 415 && status !== 413) return [];
  const { violations = [] } = (answer.body ?? {}) as { violations?: { field: string; message: string }[] };
  const surprising = violations.filter(({ message }) => !UNSAYABLE.some((reason) => reason.test(message)));
  if (violations.length > 0 && surprising.length === 0) return [];
  // The tiers are settings.
  if (codeOf(answer) === 'unknown_tier') return [];
  const [{ field, message } = { field: '', message: codeOf(answer) }] = surprising;
  return [
    `refused, though the document allows it: ${generalised(`${field.replace(/[^\x21-\x7e]+/g, '…')} ${message}`)}`,
  ];
}

function headerFindings(document: ApiDocument, { headers = {} }: Response, answer: FuzzAnswer): string[] {
  return Object.entries(headers).flatMap(([name, { required, schema }]) => {
    const value = answer.headers[name.toLowerCase()];
    if (value === undefined) return required ? [`the header ${name} is missing`] : [];
    const typed = schema.type === 'integer' ? Number(value) : value;
    return document.faultsOfAnswer(schema, typed).map((fault) => `the header ${name}: ${fault}`);
  });
}

function bodyFindings(document: ApiDocument, { content }: Response, answer: FuzzAnswer): string[] {
  if (!content) return answer.text === '' ? [] : ['a body where none is documented'];
  const type = (answer.headers['content-type'] ?? 'none').split(';')[0] ?? '';
  const documented = content[type];
  if (!documented) return [`a content type that is not documented: ${type}`];
  const isJson = type.endsWith('json');
  if (isJson && answer.body === undefined) return ['no JSON'];
  return document
    .faultsOfAnswer(documented.schema, isJson ? answer.body : answer.text)
    .slice(0, 3)
    .map((fault) => `an answer that is not as documented: ${answer.status}${generalised(fault)}`);
}

function codeOf({ body }: FuzzAnswer): string {
  return ((body ?? {}) as { code?: string }).code ?? '';
}

/** Without the numbers of items, so that the same fault at two places is one. */
function generalised(fault: string): string {
  return fault.replace(/(?<=[./])\d+(?=[./ ]|$)/g, '*').slice(0, 200);
}
