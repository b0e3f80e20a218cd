import { type CompileRequest, type PromptFormat } from './working-context.js';

/** What stands in the form, as it was typed. */
export interface CompileForm {
  threadId: string;
  /** Empty: the default tier. */
  modelTier: string;
  task: string;
  systemPrompt: string;
  agentId: string;
  memoryLimit: string;
  spillOver: 'default' | 'on' | 'off';
  recallScope: 'memories' | 'thread' | 'both';
  overflow: 'truncate' | 'refuse';
  model: string;
  format: PromptFormat;
}

export const EMPTY_FORM: CompileForm = {
  threadId: '',
  modelTier: '',
  task: '',
  systemPrompt: '',
  agentId: '',
  memoryLimit: '10',
  spillOver: 'default',
  recallScope: 'memories',
  overflow: 'truncate',
  model: '',
  format: 'openai',
};

export const MAX_MEMORIES = 1_000;
const MAX_TEXT = 1_000_000;

/** What must be put right before the form can be sent, by field. */
export type FormProblems = Partial<Record<keyof CompileForm, string>>;

export function formProblems({ threadId, task, systemPrompt, memoryLimit }: CompileForm): FormProblems {
  return {
    ...(threadId === '' && { threadId: 'Choose a thread, or type the id of one.' }),
    ...((threadId === '.' || threadId === '..') && { threadId: 'No URL can carry this id.' }),
    ...(threadId.length > 256 && { threadId: 'A thread id has at most 256 characters.' }),
    ...(task.trim() === '' && { task: 'Say what the model is to do.' }),
    ...(task.length > MAX_TEXT && { task: 'A task has at most 1,000,000 characters.' }),
    ...(systemPrompt.length > MAX_TEXT && {
      systemPrompt: 'A system prompt has at most 1,000,000 characters.',
    }),
    ...(limitOf(memoryLimit) === undefined && { memoryLimit: 'A whole number from 0 to 1,000.' }),
  };
}

/** A number of memories as people type it, `1,000` as well as `1000`; undefined where it is none. */
function limitOf(typed: string): number | undefined {
  if (!/^(\d+|\d{1,3}(,\d{3})+)$/.test(typed.trim())) return undefined;
  const limit = Number(typed.replaceAll(',', ''));
  return limit <= MAX_MEMORIES ? limit : undefined;
}

/** Whether a setting under "More settings" is another than at first. */
export function isMoreUsed(form: CompileForm): boolean {
  return MORE.some((name) => form[name] !== EMPTY_FORM[name]);
}

const MORE = [
  ...(['agentId', 'memoryLimit', 'spillOver', 'recallScope'] as const),
  ...(['overflow', 'model', 'format'] as const),
];

/**
 * The body of the request. What was left empty is left out, so that the service's own settings hold.
 * @param form without problems
 */
export function requestOf(form: CompileForm): CompileRequest {
  const memoryLimit = limitOf(form.memoryLimit);
  return {
    threadId: form.threadId,
    systemPrompt: form.systemPrompt,
    task: { description: form.task },
    ...(form.modelTier !== '' && { modelTier: form.modelTier }),
    ...(form.agentId !== '' && { agentId: form.agentId }),
    ...(memoryLimit !== undefined && { memoryLimit }),
    ...(form.spillOver !== 'default' && { spillOver: form.spillOver === 'on' }),
    ...(form.recallScope !== 'memories' && { recallScope: form.recallScope }),
    ...(form.overflow !== 'truncate' && { overflow: form.overflow }),
    ...(form.model !== '' && { model: form.model }),
    format: form.format,
  };
}
