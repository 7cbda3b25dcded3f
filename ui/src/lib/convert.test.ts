import { describe, expect, it } from 'vitest';
import { toArguments, toRows } from './convert';

describe('arguments', () => {
  it('go there and back', () => {
    const given = { 'x-message-ttl': 60000, s: '5', b: true, list: [1, 'a'], nothing: null };
    expect(toArguments(toRows(given))).toEqual(given);
  });

  it('leave out lines without a name', () => {
    expect(toArguments([{ name: ' ', value: 'x', kind: 'string' }])).toEqual({});
  });

  it.each([
    { name: 'n', value: 'many', kind: 'number' as const },
    { name: 'n', value: '', kind: 'number' as const },
    { name: 'b', value: 'yes', kind: 'boolean' as const },
    { name: 'j', value: '{', kind: 'json' as const },
  ])('say what is wrong: %o', (row) => expect(() => toArguments([row])).toThrow(`${row.name}:`));

  it('may have any name', () => {
    const made = toArguments([{ name: '__proto__', value: 'x', kind: 'string' }]);
    expect(Object.keys(made)).toEqual(['__proto__']);
    expect(JSON.stringify(made)).toBe('{"__proto__":"x"}');
  });
});
