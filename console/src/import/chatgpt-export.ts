import { checkMessages } from './chat-messages.js';
import { isObject, LeftOutCount, type Conversation, type ImportMessage } from './conversation.js';

/** A node of the tree: a message, and the one that it answers. An edited or repeated message makes a second branch. */
interface TreeNode {
  message?: unknown;
  parent?: unknown;
  children?: unknown;
}

/** Whether a value is a conversation of ChatGPT's own data export (`conversations.json`). */
export function isChatGptConversation(value: unknown): value is Record<string, unknown> {
  return isObject(value) && isObject(value['mapping']);
}

/**
 * The branch that ChatGPT showed last: from `current_node` up to the root. Of its messages the texts of user, assistant and
 * system; what else there is, is counted in `leftOut`.
 */
export function chatGptConversation(conversation: Record<string, unknown>, at: string): Conversation {
  const mapping = conversation['mapping'] as Record<string, TreeNode>;
  const branch = branchOf(mapping, conversation['current_node']);
  const leftOut = new LeftOutCount();
  const taken: ImportMessage[] = [];
  for (const node of branch) {
    if (!isObject(node.message)) continue;
    const message = messageOf(node.message, leftOut);
    if (message) taken.push(message);
  }
  const onBranch = new Set(branch);
  const aside = Object.values(mapping).filter((node) => !onBranch.has(node) && isSpoken(node));
  leftOut.add('messages of other branches (edited or answered anew)', aside.length);
  const checked = checkMessages(taken);
  const { title, conversation_id: conversationId, id } = conversation;
  return {
    at,
    title: textIn(title),
    sourceId: textIn(conversationId) ?? textIn(id),
    messages: checked.messages,
    refused: checked.refused,
    leftOut: [...leftOut.list, ...checked.leftOut],
  };
}

/** From the root to the node that was shown last; without one, along the last child of each node. */
function branchOf(mapping: Record<string, TreeNode>, current: unknown): TreeNode[] {
  const nodeOf = (id: unknown): TreeNode | undefined =>
    typeof id === 'string' && Object.hasOwn(mapping, id) && isObject(mapping[id]) ? mapping[id] : undefined;
  const seen = new Set<TreeNode>();
  const branch: TreeNode[] = [];
  const last = nodeOf(current);
  if (last) {
    for (let node: TreeNode | undefined = last; node && !seen.has(node); node = nodeOf(node.parent)) {
      seen.add(node);
      branch.unshift(node);
    }
    return branch;
  }
  let node = Object.values(mapping).find((each) => isObject(each) && nodeOf(each.parent) === undefined);
  while (node && !seen.has(node)) {
    seen.add(node);
    branch.push(node);
    node = Array.isArray(node.children) ? nodeOf(node.children.at(-1)) : undefined;
  }
  return branch;
}

function messageOf(message: Record<string, unknown>, leftOut: LeftOutCount): ImportMessage | undefined {
  const { id, author, content, metadata, recipient } = message;
  const role = isObject(author) ? author['role'] : undefined;
  const kind = isObject(content) ? content['content_type'] : undefined;
  const isHidden = isObject(metadata) && metadata['is_visually_hidden_from_conversation'] === true;
  const { text, others } = textOf(content);
  if (isHidden) {
    if (text.trim() !== '') leftOut.add('hidden messages of the system');
    return undefined;
  }
  if (role === 'tool') {
    leftOut.add('results of tools, which name no call');
    return undefined;
  }
  if (typeof recipient === 'string' && recipient !== 'all') {
    leftOut.add('calls of tools');
    return undefined;
  }
  if (kind !== 'text' && kind !== 'multimodal_text') {
    leftOut.add(typeof kind === 'string' ? `parts of the kind ${kind}` : 'messages without content');
    return undefined;
  }
  leftOut.add('images, recordings and other files', others);
  if (text.trim() === '') {
    // The root and the first message of the system are empty in each export, and nothing is lost with them.
    if (role !== 'system' && others === 0) leftOut.add('empty messages');
    return undefined;
  }
  return { role: role as string, content: text, ...(typeof id === 'string' && id !== '' && { id }) };
}

/** The texts of a content, and how many of its parts are something else. */
function textOf(content: unknown): { text: string; others: number } {
  const parts = isObject(content) && Array.isArray(content['parts']) ? content['parts'] : [];
  const texts: string[] = [];
  let others = 0;
  for (const part of parts) {
    if (typeof part === 'string') texts.push(part);
    else if (
      isObject(part) &&
      part['content_type'] === 'audio_transcription' &&
      typeof part['text'] === 'string'
    )
      texts.push(part['text']);
    else others++;
  }
  return { text: texts.filter((text) => text !== '').join('\n\n'), others };
}

/** Whether somebody said something here. */
function isSpoken(node: TreeNode): boolean {
  if (!isObject(node) || !isObject(node.message)) return false;
  const { author, content } = node.message;
  const role = isObject(author) ? author['role'] : undefined;
  return (role === 'user' || role === 'assistant') && textOf(content).text.trim() !== '';
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
