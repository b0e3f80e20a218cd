import type { ReactNode } from 'react';
import type { ScoredMemory } from 'triptych-client';

interface ChannelScoresProps extends Pick<ScoredMemory, 'score' | 'scores'> {
  /** The best score of each channel in the same answer. */
  readonly best: ScoredMemory['scores'];
}

/** Why a memory was found: how well its words and its vectors fit, against the best of the answer. */
export function ChannelScores({ score, scores, best }: ChannelScoresProps): ReactNode {
  return (
    <span className="scores">
      <Channel name="words" value={scores.lexical} best={best.lexical} digits={2} />
      <Channel name="vectors" value={scores.semantic} best={best.semantic} digits={3} />
      <span
        className="score-total"
        title="Both together, and the conversation around it; comparable in this answer alone"
      >
        score {score.toFixed(2)}
      </span>
    </span>
  );
}

interface ChannelProps {
  readonly name: string;
  readonly value: number | null;
  readonly best: number | null;
  readonly digits: number;
}

function Channel({ name, value, best, digits }: ChannelProps): ReactNode {
  const share = value === null || !best ? 0 : Math.max(0, Math.min(1, value / best));
  return (
    <span className="score">
      <span className="score-name">
        {name} {value === null ? '–' : value.toFixed(digits)}
      </span>
      <span className="score-bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
    </span>
  );
}
