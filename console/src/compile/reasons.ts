import { type ItemReceipt } from './working-context.js';

const REASONS: Readonly<Record<string, string>> = {
  fits: 'There was room for it.',
  leading_system: 'An instruction at the head of the thread is kept before anything else.',
  newest_user_message: 'What the user said last is kept before anything else.',
  summary: 'It tells in short what was left out of the history.',
  over_share: 'What has priority over it used up the room of the section.',
  history_step:
    'There would be room, but the history keeps its beginning for some turns, so that a prompt cache finds it again.',
  before_user: 'A history for Anthropic begins with the user, and this stands before.',
  orphan_tool_result: 'It answers no tool call before it, and models refuse that.',
  unanswered_tool_call: 'It calls a tool whose results are not all there, and models refuse that.',
  in_history: 'A message that is kept says it already.',
  over_limit: 'As many memories as you asked for are more relevant.',
};
const SHORTENED = 'It is longer than the room that was left, so it was cut at its end.';

/** Why an item is in the prompt, or is not, in one sentence. A reason of a later version is shown as its code. */
export function reasonInWords({ reason, decision, id, tier }: ItemReceipt): string {
  if (tier === 'task' && id === 'task.rest')
    return 'The rest of the task is more than the half of its share that a task may fill.';
  if (reason === 'over_share' && decision === 'shortened') return SHORTENED;
  return Object.hasOwn(REASONS, reason) ? (REASONS[reason] as string) : reason;
}

/** What may be done about it by whoever wants it in the prompt; undefined where nothing is to be done. */
export function remedyFor({ reason, decision, tier }: ItemReceipt): string | undefined {
  if (decision === 'kept') return undefined;
  if (reason === 'over_share' || reason === 'history_step')
    return tier === 'system' || tier === 'task'
      ? 'Choose a larger tier, or shorten it.'
      : 'Choose a larger tier, or allow spill-over.';
  if (reason === 'over_limit') return 'Raise the memory limit.';
  return undefined;
}
