/**
 * `pglitedb drill`: one drill after the other on one cluster, whose primary is another node after each. See README.md for what is checked.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bank, openBank, pause } from './bank.js';
import { checkBooks } from './checks.js';
import { DrillCluster } from './cluster.js';
import { FAULTS, mountSmallDisk, strike, unmountSmallDisk, type FaultKind } from './faults.js';
import type { Told } from './ledger.js';
import type { DrillReport, RoundReport } from './report.js';

/** How to drill. */
export interface DrillOptions {
  readonly rounds: number;
  /** 'mixed': each in turn. */
  readonly fault: FaultKind | 'mixed';
  readonly quorum: boolean;
  readonly etcd: string | null;
  readonly clients: number;
  /** Commits before the fault. */
  readonly warmUp: number;
  /** Where everything goes; null: a temporary directory that is removed when all is well. */
  readonly directory: string | null;
  readonly progress: (message: string) => void;
}

/** How long a failover may take before the drill gives up. */
const FAILOVER_MS = 60_000;
const CATCH_UP_MS = 120_000;
const COMMITS_AFTER = 100;

/** Runs the drills. Rejects when the cluster cannot be brought up or does not fail over. */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'pglitedb-drill-'));
  const nodeDirectory = (name: string): string => `${directory}/${name}`;
  const disks: string[] = [];
  if (options.fault === 'disk' || options.fault === 'mixed') {
    for (const name of ['n1', 'n2', 'n3']) {
      mkdirSync(nodeDirectory(name), { recursive: true });
      if (mountSmallDisk(nodeDirectory(name))) disks.push(nodeDirectory(name));
    }
    if (options.fault === 'disk' && disks.length === 0) throw new Error('the disk fault needs the right to mount a small file system');
  }
  const kinds = options.fault === 'mixed' ? FAULTS.filter((kind) => kind !== 'disk' || disks.length > 0) : [options.fault];
  const cluster = new DrillCluster({ directory, quorum: options.quorum, etcd: options.etcd, cluster: `drill-${process.pid}` });
  const rounds: RoundReport[] = [];
  let allWell = false;
  try {
    await cluster.prepare((name) => `${nodeDirectory(name)}/data`);
    options.progress('starting a primary and two replicas');
    await cluster.start();
    await openBank(cluster.nodes[0].place);
    const told: Told = { acknowledged: new Set(), failed: new Set(), unknown: new Set() };
    for (let round = 1; round <= options.rounds; round++) {
      const report = await drillOnce(round, kinds[(round - 1) % kinds.length], cluster, options, directory, told);
      rounds.push(report);
      options.progress(describeRound(report, options.rounds));
    }
    allWell = rounds.every((round) => isWell(round, options.quorum));
  } finally {
    await cluster.stop();
    for (const disk of disks) unmountSmallDisk(disk);
    if (allWell && options.directory === null) rmSync(directory, { recursive: true, force: true });
    else options.progress(`what is left of it is in ${directory}`);
  }
  return { quorum: options.quorum, automatic: options.etcd !== null, clients: options.clients, rounds, allWell };
}

/** Whether a round kept every promise. Asynchronous replicas may lose the last commits: that is what they are. */
function isWell(round: RoundReport, quorum: boolean): boolean {
  return (!quorum || round.lost === 0) && round.phantoms === 0 && round.balanced && round.identical;
}

async function drillOnce(round: number, kind: FaultKind, cluster: DrillCluster, options: DrillOptions, directory: string, told: Told): Promise<RoundReport> {
  const old = await cluster.primary(FAILOVER_MS);
  const bank = new Bank(cluster.places, directory, round, options.clients);
  try {
    if (!await bank.moreCommits(options.warmUp, FAILOVER_MS)) throw new Error('the bank does not get its commits through');
    const lagBytes = await cluster.lag(old);
    const struck = performance.now();
    const fault = await strike(kind, old, cluster);
    if (options.etcd === null) await cluster.promoteBest(old);
    const next = await cluster.primary(FAILOVER_MS, old);
    if (!await bank.moreCommits(COMMITS_AFTER, FAILOVER_MS)) throw new Error(`${next.place.name} was promoted but takes no commits`);
    const silenceMs = bank.longestSilence(struck);
    const healing = performance.now();
    await fault.heal();
    await cluster.caughtUp(next, CATCH_UP_MS);
    const rejoinMs = performance.now() - healing;
    await bank.stop(told);
    await pause(100);
    await cluster.caughtUp(next, CATCH_UP_MS);
    const findings = await checkBooks(next.place, cluster.places, told);
    return {
      round, fault: kind, from: old.place.name, to: next.place.name, commits: bank.commits, silenceMs, rejoinMs, lagBytes,
      acknowledged: findings.acknowledged, unknown: findings.unknown, lost: findings.lost.length, phantoms: findings.phantoms.length,
      balanced: findings.balanced, identical: findings.identical, checksums: findings.checksums,
    };
  } catch (error) {
    await bank.stop(told);
    throw error;
  }
}

function describeRound(report: RoundReport, rounds: number): string {
  const seconds = (report.silenceMs / 1000).toFixed(1);
  return `${report.round}/${rounds} ${report.fault.padEnd(4)} ${report.from} -> ${report.to}: ${seconds} s without a commit, `
    + `${report.lost} of ${report.acknowledged} acknowledged lost, ${report.phantoms} phantoms, rejoined in ${(report.rejoinMs / 1000).toFixed(1)} s, `
    + `${report.identical ? 'all nodes alike' : 'NODES DIFFER'}${report.balanced ? '' : ', BOOKS DO NOT BALANCE'}`;
}
