import { describe, expect, it } from 'vitest';
import { bytes, count, duration, plural, pretty, rate, short, value } from './format';

describe('figures', () => {
  it.each([
    [0, '0'],
    [1234, '1,234'],
    [9_999_999, '9,999,999'],
    [12_345_678, '12.3 M'],
    [-5, '-5'],
    [undefined, '–'],
    [NaN, '–'],
  ])('counts %s', (given, shown) => expect(count(given)).toBe(shown));

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1k'],
    [1234, '1.23k'],
    [999_960, '1M'],
    [12_345, '12.3k'],
  ])('shortens %s', (given, shown) => expect(short(given)).toBe(shown));

  it.each([
    [0, '0/s'],
    [0.04, '0/s'],
    [0.4, '0.4/s'],
    [9.96, '10/s'],
    [1234.4, '1,234/s'],
    [-3, '-3/s'],
  ])('has rates: %s', (given, shown) => expect(rate(given)).toBe(shown));

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [15_165_911_040, '14.1 GiB'],
  ])('has bytes: %s', (given, shown) => expect(bytes(given)).toBe(shown));

  it.each([
    [0, '0 s'],
    [900, '900 ms'],
    [12_000, '12 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [93_784_000, '1 d 2 h'],
  ])('has durations: %s', (given, shown) => expect(duration(given)).toBe(shown));

  it('has plurals', () => {
    expect(plural(1, 'queue')).toBe('1 queue');
    expect(plural(2, 'match', 'matches')).toBe('2 matches');
  });
});

describe('values', () => {
  it('are texts as they are, and JSON', () => {
    expect(value('<b>')).toBe('<b>');
    expect(value({ a: [1] })).toBe('{"a":[1]}');
    expect(value(undefined)).toBe('–');
  });

  it('are formatted only when they are JSON', () => {
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty('{not json')).toBe('{not json');
    expect(pretty('12')).toBe('12');
  });
});
