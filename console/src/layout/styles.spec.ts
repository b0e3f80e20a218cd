import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const SHARED = ['theme/base', 'components/components', 'layout/layout'];
const VIEWS = ['sessions/sessions', 'memories/memories', 'compile/compile', 'import/import'];

/** The names of classes in a stylesheet. */
function classesOf(name: string): string[] {
  const css = readFileSync(resolve(`console/src/${name}.css`), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const selectors = Array.from(css.matchAll(/([^{}]+)\{/g), ([, selector = '']) => selector);
  return [...new Set(selectors.flatMap((selector) => selector.match(/\.[a-z][\w-]*/gi) ?? []))];
}

describe('the stylesheets of the views', () => {
  // All of them are in the page once one view was opened.
  it.each(VIEWS)('%s says nothing of a class that another view has', (view) => {
    const others = VIEWS.filter((other) => other !== view).flatMap(classesOf);
    const shared = SHARED.flatMap(classesOf);
    const own = classesOf(view);
    expect(own.length).toBeGreaterThan(5);
    expect(own.filter((name) => others.includes(name) && !shared.includes(name))).toEqual([]);
  });
});
