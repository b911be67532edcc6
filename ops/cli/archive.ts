/**
 * `pglitedb verify`, `restore`, `archive list`, `archive prune`: what people do with an archive. Results go to stdout, progress and errors to
 * stderr. Exit codes: 0 done, 1 failure (for verify: something is wrong with the archive), 2 wrong usage.
 */
import { formatLsn, parseLsn } from '../../lib/base/lsn.js';
import { PgError, pgError } from '../../lib/base/error.js';
import { realEnv } from '../../lib/env/real.js';
import { listArchive, listSystems, onlySystem, summarize, type ArchivedSystem } from '../../lib/archive/list.js';
import { formatMicros, type RecoveryTarget } from '../../lib/archive/recovery-target.js';
import { openObjectStore, type ObjectStore } from '../../lib/archive/store.js';
import { formatBytes, showProgress } from './progress.js';

/** What every command here is given. */
export interface ArchiveArguments {
  readonly archive: string;
  readonly system?: bigint;
}

const env = realEnv();

/** Runs a command; tells its error as psql would and sets the exit code. */
async function run(archive: string, work: (store: ObjectStore) => Promise<boolean>): Promise<void> {
  try {
    const isGood = await work(await openObjectStore(env, archive, process.env));
    if (!isGood) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    if (error instanceof PgError && error.detail !== undefined) process.stderr.write(`DETAIL: ${error.detail}\n`);
    if (error instanceof PgError && error.hint !== undefined) process.stderr.write(`HINT: ${error.hint}\n`);
    process.exitCode = 1;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `pglitedb verify --archive A [--all] [--json]` */
export function runVerify(given: ArchiveArguments & { everything: boolean; json: boolean }): Promise<void> {
  return run(given.archive, async (store) => {
    const { verifyArchive } = await import('../../lib/archive/verify.js');
    const system = await onlySystem(store, given.system);
    const { progress, end } = showProgress(process.stderr, () => env.clock.monotonicMs());
    const report = await verifyArchive(store, system, { everything: given.everything, progress });
    end();
    if (given.json) {
      say(JSON.stringify({ system: String(system), ...report }));
      return report.problems.length === 0;
    }
    for (const { kind, what, why } of report.problems) say(`${kind}: ${what}: ${why}`);
    for (const label of report.unfinished) say(`note: backup "${label}" has no manifest: it is being written, or was interrupted`);
    if (report.notRemembered !== null) say(`note: the next run will read everything again: ${report.notRemembered}`);
    const looked = `${report.backups} backups, ${report.pieces} pieces of log; ${report.objectsRead} objects (${formatBytes(report.bytesRead)}) read, ${report.objectsSkipped} verified before`;
    say(report.problems.length === 0 ? `the archive is sound: ${looked}` : `${report.problems.length} problems: ${looked}`);
    return report.problems.length === 0;
  });
}

/** `pglitedb archive list --archive A [--json]` */
export function runList(given: ArchiveArguments & { json: boolean }): Promise<void> {
  return run(given.archive, async (store) => {
    const wanted = given.system === undefined ? await listSystems(store) : [await onlySystem(store, given.system)];
    const systems: ArchivedSystem[] = [];
    for (const system of wanted) systems.push(await listArchive(store, system));
    if (given.json) say(JSON.stringify(systems.map(asJson)));
    else if (systems.length === 0) say('the archive is empty');
    else for (const system of systems) printSystem(system);
    return true;
  });
}

/** A system for programs. LSNs as PostgreSQL prints them, times in UTC. */
function asJson(system: ArchivedSystem): object {
  return {
    system: String(system.systemIdentifier),
    latestTimeline: system.latestTimeline,
    logBytes: system.logBytes,
    backups: system.listing.backups.map((backup) => {
      const { stopLsn, startedMicros, ...rest } = summarize(backup);
      return { ...rest, stopLsn: formatLsn(stopLsn), started: formatMicros(startedMicros), finished: formatMicros(backup.finishedMicros) };
    }),
    damaged: system.listing.damaged.map(({ label, error }) => ({ label, error: error.message })),
    unfinished: system.listing.unfinished.map(({ label }) => label),
    timelines: system.timelines.map(({ history, archivedThroughLsn, restorable }) => ({
      timeline: history.timeline,
      history: history.ancestors.map(({ timeline, switchLsn, reason }) => ({ timeline, switchLsn: formatLsn(switchLsn), reason })),
      archivedThroughLsn: formatLsn(archivedThroughLsn),
      restorable: restorable === null ? null : {
        fromLsn: formatLsn(restorable.fromLsn), toLsn: formatLsn(restorable.toLsn), from: formatMicros(restorable.fromMicros),
        to: restorable.toMicros === null ? null : formatMicros(restorable.toMicros),
      },
    })),
  };
}

function printSystem(system: ArchivedSystem): void {
  say(`system ${system.systemIdentifier}: ${formatBytes(system.logBytes)} of log`);
  for (const { history, archivedThroughLsn, restorable } of system.timelines) {
    const from = history.ancestors.at(-1);
    const origin = from === undefined ? '' : ` (from timeline ${from.timeline} at ${formatLsn(from.switchLsn)}, ${from.reason})`;
    say(`  timeline ${history.timeline}${origin}: archived through ${formatLsn(archivedThroughLsn)}${history.timeline === system.latestTimeline ? ', latest' : ''}`);
    if (restorable === null) say('    nothing to restore from');
    else {
      const to = restorable.toMicros === null ? '' : `, ${formatMicros(restorable.toMicros)}`;
      say(`    restorable from ${formatLsn(restorable.fromLsn)}, ${formatMicros(restorable.fromMicros)}, to ${formatLsn(restorable.toLsn)}${to}`);
    }
  }
  for (const backup of system.listing.backups) {
    const { label, kind, parent, bytes, timeline, stopLsn, startedMicros } = summarize(backup);
    say(`  backup ${label}: ${kind}${parent === null ? '' : ` on ${parent}`}, ${formatBytes(bytes)}, timeline ${timeline}, ${formatLsn(stopLsn)}, ${formatMicros(startedMicros)}`);
  }
  for (const { label, error } of system.listing.damaged) say(`  backup ${label}: damaged: ${error.message}`);
  for (const { label } of system.listing.unfinished) say(`  backup ${label}: unfinished`);
}

/** `pglitedb archive prune --archive A [--keep-full N] [--keep-days D] [--dry-run]` */
export function runPrune(given: ArchiveArguments & { keepFull?: number; keepDays?: number; dryRun: boolean }): Promise<void> {
  return run(given.archive, async (store) => {
    const { carryOut, planRetention } = await import('../../lib/archive/retention.js');
    const system = await onlySystem(store, given.system);
    const plan = await planRetention(store, system, { keepFull: given.keepFull, keepDays: given.keepDays }, env.clock.wallMicros());
    if (!given.dryRun) await carryOut(store, plan);
    const done = given.dryRun ? 'would remove' : 'removed';
    for (const label of plan.removedBackups) say(`${done} backup ${label}`);
    for (const label of plan.removedUnfinished) say(`${done} unfinished backup ${label}`);
    say(`${done} ${plan.removedPieces} pieces of log and ${formatBytes(plan.bytes)} in all; kept: ${plan.keptBackups.join(', ') || 'no backup'}`);
    return true;
  });
}

/** `pglitedb restore --archive A --data DIR [--target-...]` */
export function runRestore(given: ArchiveArguments & { data: string; target: RecoveryTarget; exclusive: boolean; timeline?: number }): Promise<void> {
  return run(given.archive, async (store) => {
    const { describeResult, restore } = await import('../../lib/archive/restore.js');
    const { openLevelStore } = await import('../../lib/kv/level.js');
    const { progress, end } = showProgress(process.stderr, () => env.clock.monotonicMs());
    try {
      const result = await restore(store, {
        env, dataDirectory: given.data, target: given.target, exclusive: given.exclusive, timeline: given.timeline, systemIdentifier: given.system,
        progress, openStore: openLevelStore,
      });
      end();
      say(describeResult(result));
      if (result.last !== null) say(`the last transaction is ${result.last.xid}, ${formatMicros(result.last.micros)}`);
    } catch (error) {
      end();
      throw error;
    }
    return true;
  });
}

/** What the command line may say about a restore's target. */
export interface TargetOptions {
  readonly targetTime?: string;
  readonly targetLsn?: string;
  readonly targetXid?: string;
  readonly targetName?: string;
  readonly targetImmediate?: boolean;
}

/** The one target; the end of the log when none is given. 22023 for several, or for one that cannot be read. */
export function parseTarget(options: TargetOptions): RecoveryTarget {
  const targets: RecoveryTarget[] = [];
  if (options.targetTime !== undefined) targets.push({ kind: 'time', micros: parseTime(options.targetTime) });
  if (options.targetLsn !== undefined) targets.push({ kind: 'lsn', lsn: parseLsn(options.targetLsn) });
  if (options.targetXid !== undefined) targets.push({ kind: 'xid', xid: parseXid(options.targetXid) });
  if (options.targetName !== undefined) targets.push({ kind: 'name', name: options.targetName });
  if (options.targetImmediate === true) targets.push({ kind: 'immediate' });
  if (targets.length > 1) throw pgError('INVALID_PARAMETER_VALUE', 'multiple recovery targets specified');
  return targets[0] ?? { kind: 'latest' };
}

function parseXid(text: string): number {
  const xid = Number(text);
  if (!/^\d+$/.test(text) || xid < 3 || xid > 0xffff_ffff) throw pgError('INVALID_PARAMETER_VALUE', `invalid transaction id "${text}"`);
  return xid;
}

/** `2026-01-31 12:34:56.123456+02`, or with `T`, `Z`, without a zone (this machine's), without seconds: wall microseconds. */
function parseTime(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6}))?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/i.exec(text.trim());
  const zone = match?.[5] ?? '';
  const iso = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^(Z|UTC)$/i, 'Z').replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  const millis = match === null ? NaN : Date.parse(`${match[1]}T${match[2]}${match[3] ?? ':00'}${iso}`);
  if (match === null || Number.isNaN(millis)) throw pgError('INVALID_PARAMETER_VALUE', `invalid time "${text}"`, { hint: 'Expected 2026-01-31 12:34:56.123456+00.' });
  return millis * 1000 + Number((match[4] ?? '').padEnd(6, '0'));
}
