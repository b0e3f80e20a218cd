import { type Degradation } from '../recall/degradation.js';
import { type Message } from '../session/message.js';
import {
  type AnthropicContentBlock,
  type AnthropicTextBlock,
  type AnthropicToolResultBlock,
  type AnthropicToolUseBlock,
  contentBlocks,
  textBlocks,
  textOnlyBlocks,
} from './anthropic-blocks.js';
import { FormatLosses } from './format-losses.js';
import { taskMessage } from './prompt.js';
import { calledTool, withToolCalls } from './tool-calls.js';
import { type PromptParts } from './working-context.js';

/** The members of a request to Anthropic's Messages API that a prompt gives. */
export interface AnthropicPrompt {
  /** Absent when there is no text for it. */
  system?: AnthropicTextBlock[];
  /** Begins and ends with the user's, and alternates. */
  messages: AnthropicMessage[];
}
export type AnthropicMessage =
  | { role: 'user'; content: (AnthropicContentBlock | AnthropicToolResultBlock)[] }
  | { role: 'assistant'; content: (AnthropicTextBlock | AnthropicToolUseBlock)[] };

/**
 * The prompt as the Messages API takes it, whatever the history holds: every system message of it follows the
 * system prompt in `system`; calls of tools are `tool_use` blocks, all their results one message behind them;
 * messages of one role in a row are one message. Parts that the API does not know are replaced by a note, and
 * what may not stand where it stands (a result without its call, an assistant who speaks first) is left out;
 * `degraded` says where. Fields beside content, name and calls are the caller's own, and are not sent.
 */
export function anthropicPrompt({ systemPrompt, messages, context, task }: PromptParts): {
  prompt: AnthropicPrompt;
  degraded: Degradation[];
} {
  const losses = new FormatLosses();
  const system = textBlocks(systemPrompt);
  const conversation = new Conversation(losses);
  for (const [index, message] of withToolCalls(messages).entries()) {
    const place = `messages.${index}`;
    if (message.name !== undefined && message.role !== 'tool' && message.role !== 'function')
      losses.add('The name of the speaker is left out', `${place}.name`);
    if (message.role === 'system' || message.role === 'developer')
      system.push(...textOnlyBlocks(message, place, losses));
    else conversation.add(message, place);
  }
  conversation.say(textBlocks(context), 'context');
  conversation.say(taskBlocks(taskMessage(task), losses), 'task');
  return {
    prompt: { ...(system.length > 0 && { system }), messages: conversation.messages() },
    degraded: losses.degraded,
  };
}

/** The task is what the model answers, so it is there even when it is blank. */
function taskBlocks(message: Message, losses: FormatLosses): AnthropicContentBlock[] {
  const blocks = contentBlocks(message, 'task', losses);
  if (blocks.length > 0) return blocks;
  losses.add('A blank text is replaced by a note', 'task');
  return [{ type: 'text', text: '[empty task]' }];
}

interface Call {
  readonly callId: string;
  readonly place: string;
  readonly use: Omit<AnthropicToolUseBlock, 'id'>;
  /** Absent until a result has come. */
  answer?: AnthropicContentBlock[];
}
type Turn =
  | { readonly role: 'user'; readonly place: string; readonly blocks: AnthropicContentBlock[] }
  | {
      readonly role: 'assistant';
      readonly place: string;
      readonly blocks: AnthropicTextBlock[];
      readonly calls: Call[];
    };

class Conversation {
  private readonly turns: Turn[] = [];

  constructor(private readonly losses: FormatLosses) {}

  add(message: Message, place: string): void {
    switch (message.role) {
      case 'assistant': {
        const said = textOnlyBlocks(message, place, this.losses);
        const refused = typeof message['refusal'] === 'string' ? textBlocks(message['refusal']) : [];
        if (message['audio'] != null) this.losses.add('Spoken words are left out', `${place}.audio`);
        const calls = (message.tool_calls ?? []).map((call, index): Call => {
          const { name, input } = calledTool(call);
          const at = `${place}.tool_calls.${index}`;
          return {
            callId: call.id,
            place: at,
            use: { type: 'tool_use', name: this.toolName(name, at), input },
          };
        });
        this.turns.push({ role: 'assistant', place, blocks: [...said, ...refused], calls });
        break;
      }
      case 'tool':
      case 'function':
        this.answer(message, place);
        break;
      default:
        if (message.role !== 'user') this.losses.add('Another role is sent as the user', `${place}.role`);
        this.say(contentBlocks(message, place, this.losses), place);
    }
  }

  say(blocks: AnthropicContentBlock[], place: string): void {
    this.turns.push({ role: 'user', place, blocks });
  }

  /** The turns as messages: the user's first, no two of one role in a row, none empty. */
  messages(): AnthropicMessage[] {
    const ids = new ToolUseIds();
    const messages: AnthropicMessage[] = [];
    for (const turn of this.turns) {
      if (turn.role === 'user') {
        append(messages, { role: 'user', content: turn.blocks });
        continue;
      }
      if (messages.length === 0) {
        this.losses.add('What the assistant said before the user is left out', turn.place);
        continue;
      }
      const uses: AnthropicToolUseBlock[] = [];
      const results: AnthropicToolResultBlock[] = [];
      for (const { callId, place, use, answer } of turn.calls) {
        if (!answer) {
          this.losses.add('A call without a result is left out', place);
          continue;
        }
        const id = ids.next(callId);
        uses.push({ type: 'tool_use', id, name: use.name, input: use.input });
        results.push({ type: 'tool_result', tool_use_id: id, ...(answer.length > 0 && { content: answer }) });
      }
      append(messages, { role: 'assistant', content: [...turn.blocks, ...uses] });
      append(messages, { role: 'user', content: results });
    }
    return messages;
  }

  /** A result belongs to the call right before it; several with one id answer one call after the other. */
  private answer(message: Message, place: string): void {
    const asked = this.turns.at(-1);
    const calls =
      asked?.role === 'assistant' ? asked.calls.filter(({ callId }) => callId === message.tool_call_id) : [];
    const call = calls.find(({ answer }) => !answer) ?? calls.at(-1);
    if (call) call.answer = [...(call.answer ?? []), ...contentBlocks(message, place, this.losses)];
    else this.losses.add('A result without a call is left out', place);
  }

  private toolName(name: string, place: string): string {
    const accepted = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, MAX_TOOL_NAME) || 'unnamed';
    if (accepted !== name) this.losses.add('The name of a tool is changed to one that is accepted', place);
    return accepted;
  }
}

/** As for the tools of a request: `^[a-zA-Z0-9_-]{1,128}$`. */
const MAX_TOOL_NAME = 128;

/**
 * Ids that the API accepts (`^[a-zA-Z0-9_-]+$`, each once in a request), as near as can be to the given ones,
 * which may come again in later turns. An id depends on those before it alone: what follows never changes it.
 */
class ToolUseIds {
  private readonly used = new Set<string>();
  private readonly counters = new Map<string, number>();

  next(given: string): string {
    const base = given.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call';
    let id = base;
    for (let counter = this.counters.get(base) ?? 2; this.used.has(id); counter++) {
      id = `${base}_${counter}`;
      this.counters.set(base, counter + 1);
    }
    this.used.add(id);
    return id;
  }
}

function append(messages: AnthropicMessage[], next: AnthropicMessage): void {
  const last = messages.at(-1);
  if (next.content.length === 0) return;
  if (last?.role === 'user' && next.role === 'user') last.content.push(...next.content);
  else if (last?.role === 'assistant' && next.role === 'assistant') last.content.push(...next.content);
  else messages.push(next);
}
