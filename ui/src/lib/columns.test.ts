import { describe, expect, it } from 'vitest';
import { fitting, matcher, pagesOf, sorted, type Column } from './columns';

const column = (id: string, width: number, priority: number): Column<unknown> => ({
  id,
  label: id,
  width,
  priority,
});

describe('columns', () => {
  const all = [column('name', 150, 0), column('type', 80, 3), column('ready', 80, 1)];

  it('fit by their priority, in their own order', () => {
    const shown = (room: number) => fitting(all, room).map((one) => one.id);
    expect(shown(1000)).toEqual(['name', 'type', 'ready']);
    expect(shown(240)).toEqual(['name', 'ready']);
    expect(shown(50)).toEqual(['name']);
  });
});

describe('rows', () => {
  it('stand as the API sorts: missing, numbers, texts', () => {
    const rows = [{ a: 'x' }, { a: 2 }, {}, { a: 10 }, { a: null }];
    expect(sorted(rows, 'a', false)).toEqual([{}, { a: null }, { a: 2 }, { a: 10 }, { a: 'x' }]);
    expect(sorted(rows, 'a', true)[0]).toEqual({ a: 'x' });
  });

  it('are sorted by what is inside', () => {
    const rows = [{ s: { rate: 3 } }, { s: { rate: 1 } }];
    expect(sorted(rows, 's.rate', false)[0]).toEqual({ s: { rate: 1 } });
  });

  it('are found by a part or a pattern', () => {
    expect(matcher('ORD', false)('my.orders')).toBe(true);
    expect(matcher('a.c', false)('abc')).toBe(false);
    expect(matcher('^a.c$', true)('abc')).toBe(true);
    expect(matcher('(', true)('(')).toBe(false);
    expect(matcher('', true)('anything')).toBe(true);
  });

  it('are on pages', () => {
    expect(pagesOf(0, 30, 100)).toEqual([1]);
    expect(pagesOf(95, 130, 100)).toEqual([1, 2]);
    expect(pagesOf(49_980, 50_000, 100)).toEqual([500]);
    expect(pagesOf(0, 0, 100)).toEqual([1]);
  });
});
