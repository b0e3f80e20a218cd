import { Fragment, useRef, useState, type ReactNode } from 'react';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components';
import { announce } from '../components/announce.js';
import { Button } from '../components/Button.js';
import { promptJson, sentMessages, type SentMessage } from './prompt-messages.js';
import { count, percent, plural, sectionOfTier } from './sections.js';
import type { CompileRun } from './working-context.js';

const FORMATS = { openai: 'OpenAI', anthropic: 'Anthropic', langchain: 'LangChain' };
/** Characters of a message that are shown at first. */
const SHOWN = 3_000;

/** The prompt as it is sent, to read and to copy. */
export function PromptPanel({ run }: { readonly run: CompileRun }): ReactNode {
  const { answer, request } = run;
  const [form, setForm] = useState<'messages' | 'json'>('messages');
  const json = useRef<HTMLPreElement>(null);
  const [copied, setCopied] = useState<'no' | 'yes' | 'selected'>('no');
  const messages = sentMessages(answer);
  const { sharedPrefix } = answer.receipt;
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(promptJson(answer));
      setCopied('yes');
      announce('The prompt is on the clipboard.');
    } catch {
      // Without TLS, or where the browser forbids it: the text is selected, and the keyboard copies it.
      setForm('json');
      setCopied('selected');
      requestAnimationFrame(() => {
        if (!json.current) return;
        getSelection()?.selectAllChildren(json.current);
        json.current.focus();
      });
      announce('The prompt is selected. Press Ctrl and C to copy it.');
    }
  };
  return (
    <div className="stack">
      <div className="prompt-head">
        <ToggleButtonGroup
          className="pills"
          aria-label="Show the prompt as"
          selectionMode="single"
          disallowEmptySelection
          selectedKeys={[form]}
          onSelectionChange={([chosen]) => {
            setForm(chosen === 'json' ? 'json' : 'messages');
          }}
        >
          <ToggleButton id="messages" className="pill">
            Messages <span className="muted">{count(messages.length)}</span>
          </ToggleButton>
          <ToggleButton id="json" className="pill">
            JSON <span className="muted">{FORMATS[request.format]}</span>
          </ToggleButton>
        </ToggleButtonGroup>
        <Button kind="primary" onPress={() => void copy()}>
          {copied === 'yes' ? 'Copied' : copied === 'selected' ? 'Selected: press Ctrl + C' : 'Copy prompt'}
        </Button>
      </div>
      <p className="muted small">
        {plural(answer.tokenUsage.total, 'token')} of {answer.receipt.encoding} in all.{' '}
        {request.format === 'openai'
          ? 'The button copies the messages of a chat-completions request.'
          : `The button copies it in the form of ${FORMATS[request.format]}; the tokens are counted in that of OpenAI.`}
      </p>
      {form === 'json' ? (
        <pre ref={json} className="prompt-json" tabIndex={0} aria-label="The prompt as JSON">
          {promptJson(answer)}
        </pre>
      ) : (
        <ol className="sent">
          {messages.map((message, index) => (
            <Fragment key={index}>
              <Message message={message} />
              {sharedPrefix && sharedPrefix.messages === index + 1 && (
                <li className="sent-divider">
                  <span>
                    Up to here as in the turn before: {count(sharedPrefix.tokens)} tokens,{' '}
                    {percent(sharedPrefix.share, 1)} of the prompt
                  </span>
                </li>
              )}
            </Fragment>
          ))}
        </ol>
      )}
    </div>
  );
}

function Message({ message }: { readonly message: SentMessage }): ReactNode {
  const { tier, role, name, text, tokens, isShared } = message;
  const [isWhole, setWhole] = useState(false);
  const section = sectionOfTier(tier);
  return (
    <li className={`sent-message edge-${section.name}`} data-shared={isShared || undefined}>
      <div className="sent-head small">
        <span className={`swatch fill-${section.name}`} aria-hidden="true" />
        <b>{role}</b>
        {name !== undefined && <span className="mono muted">{name}</span>}
        <span className="muted">{section.label}</span>
        <span className="number muted sent-tokens">{plural(tokens, 'token')}</span>
      </div>
      <div className={tier === 'memory' ? 'sent-text mono' : 'sent-text'}>
        {isWhole || text.length <= SHOWN ? text : `${text.slice(0, SHOWN).toWellFormed()}…`}
      </div>
      {text.length > SHOWN && (
        <Button
          kind="quiet"
          onPress={() => {
            setWhole(!isWhole);
          }}
        >
          {isWhole ? 'Show less' : `Show all ${count(text.length)} characters`}
        </Button>
      )}
    </li>
  );
}
