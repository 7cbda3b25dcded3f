// Columns of tables: which of them fit, and in what order rows stand. Pure functions.

export interface Column<T> {
  id: string;
  label: string;
  /** What the API sorts by, e.g. `message_stats.publish_details.rate`; none: it cannot be sorted. */
  sort?: string;
  text?: (row: T) => string;
  /** Smallest width, in pixels. */
  width: number;
  grow?: number;
  isRight?: boolean;
  /** 0 is always shown; the higher, the earlier it goes where there is little room. */
  priority: number;
}

/** Those that fit, in their own order. */
export function fitting<T>(columns: Column<T>[], room: number): Column<T>[] {
  const chosen = new Set<Column<T>>();
  let left = room;
  for (const column of [...columns].sort((one, other) => one.priority - other.priority)) {
    left -= column.width;
    if (column.priority > 0 && left < 0) break;
    chosen.add(column);
  }
  return columns.filter((column) => chosen.has(column));
}

function at(row: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (found, name) =>
        typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined,
      row,
    );
}

function rank(value: unknown): number {
  return value === undefined || value === null ? 0 : typeof value === 'string' ? 2 : 1;
}

/** By the value at a path: what is missing first, then numbers, then texts, as the API does. */
export function sorted<T>(rows: T[], path: string, isReverse: boolean): T[] {
  const sign = isReverse ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [at(one, path), at(other, path)];
    if (rank(a) !== rank(b)) return sign * (rank(a) - rank(b));
    if (a === b || rank(a) === 0) return 0;
    return sign * ((a as number) < (b as number) ? -1 : 1);
  });
}

/** Whether a text has this in it; a pattern that is none matches nothing. */
export function matcher(wanted: string, isPattern: boolean): (text: string) => boolean {
  if (!wanted) return () => true;
  if (!isPattern) {
    const lower = wanted.toLowerCase();
    return (text) => text.toLowerCase().includes(lower);
  }
  try {
    const pattern = new RegExp(wanted);
    return (text) => pattern.test(text);
  } catch {
    return () => false;
  }
}

/** Numbers of the pages (from 1) that rows from `first` to before `end` are on. */
export function pagesOf(first: number, end: number, size: number): number[] {
  const pages = [];
  for (let page = Math.floor(first / size) + 1; page <= Math.max(1, Math.ceil(end / size)); page++)
    pages.push(page);
  return pages;
}
