import { describe, expect, it } from 'vitest';
import { levels, perSecond, spans, together } from './rates';

const at = (timestamp: number, sample: number) => ({ timestamp, sample });

describe('samples', () => {
  it('come newest first and are shown oldest first', () => {
    expect(levels({ rate: 0, samples: [at(2000, 7), at(1000, 5)] })).toEqual([
      [1, 5],
      [2, 7],
    ]);
  });

  it('of counters are differences in time', () => {
    expect(perSecond({ rate: 0, samples: [at(15_000, 80), at(10_000, 30), at(5000, 10)] })).toEqual([
      [10, 4],
      [15, 10],
    ]);
  });

  it('that went back count from nothing', () => {
    expect(perSecond({ rate: 0, samples: [at(10_000, 20), at(5000, 1000)] })).toEqual([[10, 4]]);
  });

  it('may be none, or one', () => {
    expect(levels(undefined)).toEqual([]);
    expect(perSecond({ rate: 1, samples: [at(1, 1)] })).toEqual([]);
  });

  it('get one axis of time', () => {
    expect(
      together([
        [
          [1, 10],
          [3, 30],
        ],
        [[2, 20]],
      ]),
    ).toEqual([
      [1, 2, 3],
      [10, null, 30],
      [null, 20, null],
    ]);
  });

  it('are asked for in steps that the history has', () => {
    expect(spans(60, 'lengths')).toBe('lengths_age=60&lengths_incr=5');
    expect(spans(3600, 'msg_rates', 'data_rates')).toBe(
      'msg_rates_age=3600&msg_rates_incr=30&data_rates_age=3600&data_rates_incr=30',
    );
  });
});
