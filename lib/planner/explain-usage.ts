/** EXPLAIN's BUFFERS and WAL: what a node or the planning used, as explain.c prints it (show_buffer_usage, show_wal_usage). */
import type { ResourceUsage } from '../access/api.js';
import type { ExplainItem } from './explain-format.js';

/** Which of the two are asked for, and how they are to look. */
export interface UsageOptions {
  readonly buffers: boolean;
  readonly wal: boolean;
  readonly format: 'text' | 'json' | 'xml' | 'yaml';
}

function count(name: string, value: number): ExplainItem {
  return { name, value: String(value), number: true };
}

/** `name=value` of what is not zero. */
function figures(pairs: readonly (readonly [string, number])[]): string {
  return pairs.filter(([, value]) => value > 0).map(([name, value]) => `${name}=${value}`).join(' ');
}

/**
 * The lines or fields of a usage. A shared block is a chunk or an index leaf: "hit" when it was resident, "read" when it was
 * loaded. What this storage does not count in blocks (dirtied, written, local) is 0, and text format leaves zeros out.
 */
export function usageItems(usage: ResourceUsage, options: UsageOptions): ExplainItem[] {
  return [...options.buffers ? bufferItems(usage, options.format) : [], ...options.wal ? walItems(usage, options.format) : []];
}

function bufferItems(usage: ResourceUsage, format: UsageOptions['format']): ExplainItem[] {
  const { hits, reads, tempReads, tempWrites } = usage;
  if (format !== 'text') {
    return [
      count('Shared Hit Blocks', hits), count('Shared Read Blocks', reads), count('Shared Dirtied Blocks', 0), count('Shared Written Blocks', 0),
      count('Local Hit Blocks', 0), count('Local Read Blocks', 0), count('Local Dirtied Blocks', 0), count('Local Written Blocks', 0),
      count('Temp Read Blocks', tempReads), count('Temp Written Blocks', tempWrites),
    ];
  }
  const groups = [['shared', figures([['hit', hits], ['read', reads]])], ['temp', figures([['read', tempReads], ['written', tempWrites]])]];
  const shown = groups.filter(([, text]) => text !== '').map(([name, text]) => `${name} ${text}`);
  return shown.length === 0 ? [] : [{ name: 'Buffers', value: shown.join(', ') }];
}

function walItems({ walRecords, walBytes }: ResourceUsage, format: UsageOptions['format']): ExplainItem[] {
  if (format !== 'text') return [count('WAL Records', walRecords), count('WAL FPI', 0), count('WAL Bytes', walBytes), count('WAL Buffers Full', 0)];
  const text = figures([['records', walRecords], ['bytes', walBytes]]);
  return text === '' ? [] : [{ name: 'WAL', value: text }];
}

/** The planning's own usage: a group, absent from text when nothing was used. */
export function planningItems(usage: ResourceUsage, options: UsageOptions): ExplainItem[] {
  const items = options.buffers ? bufferItems(usage, options.format) : [];
  return items.length === 0 ? [] : [{ name: 'Planning', value: '', fields: items }];
}
