// What people type, as what the API takes.

import type { Arguments } from './types';

export type Kind = 'string' | 'number' | 'boolean' | 'json';

export interface Row {
  name: string;
  value: string;
  kind: Kind;
}

export function blank(): Row {
  return { name: '', value: '', kind: 'string' };
}

/** Throws Error with a text for people. */
export function convert({ name, value, kind }: Row): unknown {
  if (kind === 'string') return value;
  if (kind === 'boolean') {
    if (value !== 'true' && value !== 'false') throw new Error(`${name}: write true or false`);
    return value === 'true';
  }
  if (kind === 'number') {
    const number = Number(value);
    if (value.trim() === '' || !Number.isFinite(number)) throw new Error(`${name}: "${value}" is no number`);
    return number;
  }
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw new Error(`${name}: this is not valid JSON`);
  }
}

/** Rows without a name are left out. Throws Error. */
export function toArguments(rows: Row[]): Arguments {
  const found: Arguments = {};
  for (const row of rows) {
    const name = row.name.trim();
    if (name)
      Object.defineProperty(found, name, { value: convert(row), enumerable: true, configurable: true });
  }
  return found;
}

export function toRows(given: Arguments | undefined | null): Row[] {
  return Object.entries(given ?? {}).map(([name, value]) => {
    if (typeof value === 'string') return { name, value, kind: 'string' };
    if (typeof value === 'number') return { name, value: String(value), kind: 'number' };
    if (typeof value === 'boolean') return { name, value: String(value), kind: 'boolean' };
    return { name, value: JSON.stringify(value), kind: 'json' };
  });
}
