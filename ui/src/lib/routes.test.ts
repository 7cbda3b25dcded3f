import { describe, expect, it } from 'vitest';
import { api, query } from './api';
import { href, parse, withQuery } from './routes';

const NAMES = ['/', '%2F', 'a b', '<img src=x onerror=alert(1)>', 'ü?&#', '..', '"\'', '💥'];

describe('places', () => {
  it.each(NAMES)('carry any name: %s', (name) => {
    expect(parse(href('queues', '/', name))).toEqual({ page: 'queues', parts: ['/', name], query: {} });
  });

  it('are the overview at first', () => {
    expect(parse('').page).toBe('overview');
    expect(parse('#/').page).toBe('overview');
  });

  it('survive an address that is none', () => {
    expect(parse('#/queues/%E0%A4%A').parts).toEqual(['%E0%A4%A']);
  });

  it('change one value of their query', () => {
    const there = withQuery(href('queues', '/', 'q'), { tab: 'messages', name: 'a&b' });
    expect(parse(there).query).toEqual({ tab: 'messages', name: 'a&b' });
    expect(parse(withQuery(there, { tab: undefined })).query).toEqual({ name: 'a&b' });
  });
});

describe('paths of the API', () => {
  it.each(NAMES)('carry any name: %s', (name) => {
    const path = api`queues/${'/'}/${name}/get`;
    expect(path.split('/')).toHaveLength(4);
    expect(decodeURIComponent(path.split('/')[2] ?? '')).toBe(name);
  });

  it('have a query of what is said only', () => {
    expect(query('queues', { page: 1, name: 'a b', use_regex: false, sort: '' })).toBe(
      'queues?page=1&name=a+b',
    );
    expect(query('queues?page=1', { sort: 'name' })).toBe('queues?page=1&sort=name');
    expect(query('queues', {})).toBe('queues');
  });
});
