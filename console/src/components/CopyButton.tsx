import { useState, type ReactNode } from 'react';
import { announce } from './announce.js';
import { Button } from './Button.js';

interface CopyButtonProps {
  readonly text: string;
  /** What is copied, as the name of the button goes on: "Copy prompt". */
  readonly what: string;
}

/** Puts a text on the clipboard, and says whether it could. */
export function CopyButton({ text, what }: CopyButtonProps): ReactNode {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
      announce(`Copied ${what}`);
    } catch {
      setState('refused');
      announce(`The browser did not let ${what} be copied. Select the text and copy it by hand.`);
    }
  };
  return (
    <Button kind="quiet" onPress={() => void copy()}>
      {state === 'idle' ? `Copy ${what}` : state === 'copied' ? 'Copied' : 'Not copied: select it by hand'}
    </Button>
  );
}
