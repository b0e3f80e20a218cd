import type { ReactNode } from 'react';
import { count } from './sections.js';
import type { SectionFigures, TokenBar } from './token-bar.js';

/** The legend of the bar: of each section what it used of its share, and what became of its parts. */
export function SectionTable({ bar }: { readonly bar: TokenBar }): ReactNode {
  const scale = Math.max(...bar.sections.flatMap(({ used, cap }) => [used, cap]), 1);
  return (
    <table className="sections">
      <caption className="visually-hidden">Tokens of each section</caption>
      <thead>
        <tr>
          <th scope="col">Section</th>
          <th scope="col" className="sections-meter">
            Used of its share
          </th>
          <th scope="col" className="number">
            Used
          </th>
          <th scope="col" className="number">
            Share
          </th>
          <th scope="col" className="number">
            Spilled
          </th>
          <th scope="col">Parts</th>
        </tr>
      </thead>
      <tbody>
        {bar.sections.map((section) => (
          <tr key={section.name}>
            <th scope="row">
              <span className={`swatch fill-${section.name}`} aria-hidden="true" />
              {section.label}
            </th>
            <td className="sections-meter" aria-hidden="true">
              <Meter section={section} scale={scale} />
            </td>
            <td className="number">{count(section.used)}</td>
            <td className="number muted">{count(section.cap)}</td>
            <td className="number">
              {section.spilled > 0 ? (
                <span className="spilled">+{count(section.spilled)}</span>
              ) : (
                <span className="muted">0</span>
              )}
            </td>
            <td className="sections-parts">{partsInWords(section)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The share as a frame, what is used as its filling; what was spilled stands beyond the frame. */
function Meter({ section, scale }: { readonly section: SectionFigures; readonly scale: number }): ReactNode {
  const { name, used, cap } = section;
  return (
    <div className="meter">
      <div className="meter-cap" style={{ width: `${(cap / scale) * 100}%` }} />
      <div className={`meter-used fill-${name}`} style={{ width: `${(used / scale) * 100}%` }} />
      <div className="meter-mark" style={{ left: `${(cap / scale) * 100}%` }} />
    </div>
  );
}

function partsInWords({ kept, shortened, dropped }: SectionFigures): string {
  const parts = [
    ...(kept > 0 ? [`${count(kept)} kept`] : []),
    ...(shortened > 0 ? [`${count(shortened)} shortened`] : []),
    ...(dropped > 0 ? [`${count(dropped)} dropped`] : []),
  ];
  return parts.length > 0 ? parts.join(' · ') : 'none';
}
