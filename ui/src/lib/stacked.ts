// Tables on a phone: every row is a small card, every cell has its heading beside it (base.css).

import type { Action } from 'svelte/action';

/** Keeps `data-label` of every cell the heading of its column. */
export const stacked: Action<HTMLTableElement> = (table) => {
  const label = () => {
    const headings = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.innerText.trim());
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const cell of row.cells) {
        const heading = cell.colSpan > 1 ? '' : (headings[cell.cellIndex] ?? '');
        if (cell.dataset['label'] !== heading) cell.dataset['label'] = heading;
      }
    }
  };
  label();
  const observer = new MutationObserver(label);
  observer.observe(table, { childList: true, subtree: true });
  return { destroy: () => observer.disconnect() };
};
