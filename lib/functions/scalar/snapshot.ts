/**
 * pg_snapshot and txid_snapshot: `xmin:xmax:xip,xip`. The value is its text form.
 */
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { badBinary, invalidSyntax } from '../errors.js';
import { pure, setReturning } from '../registry.js';
import { sendInt32, sendInt64, viewOf } from '../wire.js';

/** A snapshot's parts; transaction ids ascend. */
interface SnapshotParts {
  readonly xmin: Int8;
  readonly xmax: Int8;
  readonly inProgress: readonly Int8[];
}

const toId = (text: string): Int8 => normalizeInt8(BigInt(text));

function partsOf(snapshot: string): SnapshotParts {
  const [xmin, xmax, list] = snapshot.split(':');
  return { xmin: toId(xmin), xmax: toId(xmax), inProgress: list === '' ? [] : list.split(',').map(toId) };
}

function format(parts: SnapshotParts): string {
  return `${parts.xmin}:${parts.xmax}:${parts.inProgress.join(',')}`;
}

/** Is every id in [xmin, xmax) and not below the one before it? Doubled ids are dropped. */
function checked(xmin: Int8, xmax: Int8, ids: readonly Int8[]): SnapshotParts | undefined {
  if (xmin === 0 || xmax === 0 || xmax < xmin) return undefined;
  const inProgress: Int8[] = [];
  for (const id of ids) {
    const last = inProgress.at(-1);
    if (id < xmin || id >= xmax || (last !== undefined && id < last)) return undefined;
    if (id !== last) inProgress.push(id);
  }
  return { xmin, xmax, inProgress };
}

pure('pg_snapshot_in', (text: string) => {
  const match = /^(\d+):(\d+):((?:\d+,)*\d*)$/.exec(text);
  const ids = match === null || match[3] === '' ? [] : match[3].replace(/,$/, '').split(',').map(toId);
  const parts = match && checked(toId(match[1]), toId(match[2]), ids);
  if (!parts) throw invalidSyntax('pg_snapshot', text);
  return format(parts);
});
pure('pg_snapshot_out', (snapshot: string) => snapshot);
pure('pg_snapshot_send', (snapshot: string) => {
  const { xmin, xmax, inProgress } = partsOf(snapshot);
  return Uint8Array.from([...sendInt32(inProgress.length), ...[xmin, xmax, ...inProgress].flatMap((id) => [...sendInt64(id)])]);
});
pure('pg_snapshot_recv', (bytes: Uint8Array) => {
  const count = viewOf(bytes, 20).getInt32(0);
  if (count < 0) throw badBinary('invalid external pg_snapshot data');
  const view = viewOf(bytes, 20 + 8 * count);
  const id = (index: number): Int8 => normalizeInt8(view.getBigUint64(4 + 8 * index));
  const parts = checked(id(0), id(1), Array.from({ length: count }, (_, index) => id(index + 2)));
  if (!parts) throw badBinary('invalid external pg_snapshot data');
  return format(parts);
});

pure('pg_snapshot_xmin', (snapshot: string) => partsOf(snapshot).xmin);
pure('pg_snapshot_xmax', (snapshot: string) => partsOf(snapshot).xmax);
setReturning('pg_snapshot_xip', (_cx, snapshot: string) => partsOf(snapshot).inProgress);
pure('pg_visible_in_snapshot', (id: Int8, snapshot: string) => {
  const { xmin, xmax, inProgress } = partsOf(snapshot);
  return id < xmin || (id < xmax && !inProgress.includes(id));
});
