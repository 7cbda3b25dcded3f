// Figures as people read them. Pure functions.

const SI = ['', 'k', 'M', 'G', 'T'];
const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function scaled(value: number, step: number, units: string[], between: string): string {
  let size = Math.abs(value);
  let unit = 0;
  while (size >= step && unit < units.length - 1) {
    size /= step;
    unit += 1;
  }
  // 999.96 would be shown as 1000.0: it belongs to the next unit.
  if (unit && Number(size.toPrecision(3)) >= step && unit < units.length - 1) {
    size /= step;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  const text = size
    .toFixed(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
  return `${value < 0 ? '-' : ''}${text}${units[unit] ? between + units[unit] : ''}`;
}

/** 1234567 -> "1,234,567" below ten million, "12.3 M" above. */
export function count(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  if (Math.abs(value) < 1e7) return Math.round(value).toLocaleString('en-US');
  return scaled(value, 1000, SI, ' ');
}

/** 1234 -> "1.23k"; for axes and small places. */
export function short(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  return Math.abs(value) < 1000 ? String(Number(value.toFixed(1))) : scaled(value, 1000, SI, '');
}

/** Of messages: "0/s", "0.4/s", "12/s", "1,234/s". */
export function rate(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size < 0.05) return '0/s';
  return `${size < 10 ? value.toFixed(1).replace(/\.0$/, '') : count(value)}/s`;
}

export function bytes(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  return scaled(Math.round(value), 1024, IEC, ' ');
}

export function bytesRate(value: number | undefined | null): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  return `${bytes(value)}/s`;
}

/** Milliseconds -> the two largest units: "3 d 4 h", "12 s". */
export function duration(value_ms: number | undefined | null): string {
  if (value_ms === undefined || value_ms === null || !Number.isFinite(value_ms)) return '–';
  const seconds = Math.floor(value_ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([size]) => size > 0);
  if (first < 0) return value_ms > 0 && value_ms < 1000 ? `${Math.round(value_ms)} ms` : '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([size], index) => index === 0 || size > 0)
    .map(([size, unit]) => `${size} ${unit}`)
    .join(' ');
}

/** Of an argument or a header: texts as they are, the rest as JSON. */
export function value(what: unknown): string {
  return typeof what === 'string' ? what : (JSON.stringify(what) ?? '–');
}

/** "" is the default exchange. */
export function exchangeName(name: string): string {
  return name === '' ? '(default)' : name;
}

/** JSON gets line breaks, other texts stay. */
export function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
