/** The result of drills: for people, and as JSON. */
import { FAULT_TEXT, type FaultKind } from './faults.js';

/** One drill. */
export interface RoundReport {
  readonly round: number;
  readonly fault: FaultKind;
  readonly from: string;
  readonly to: string;
  /** Acknowledged in this round. */
  readonly commits: number;
  /** Longest time between two acknowledged commits from the fault on. */
  readonly silenceMs: number;
  readonly rejoinMs: number;
  /** Log that the slowest replica had not applied just before the fault. */
  readonly lagBytes: number;
  /** Acknowledged in this round and all before. */
  readonly acknowledged: number;
  readonly unknown: number;
  readonly lost: number;
  readonly phantoms: number;
  readonly balanced: boolean;
  readonly identical: boolean;
  readonly checksums: Readonly<Record<string, string>>;
}

/** All of them. */
export interface DrillReport {
  readonly quorum: boolean;
  readonly automatic: boolean;
  readonly clients: number;
  readonly rounds: readonly RoundReport[];
  readonly allWell: boolean;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The report as a table. */
export function formatReport(report: DrillReport): string {
  const { rounds } = report;
  const last = rounds.at(-1);
  const lines = [
    `${rounds.length} drills, ${report.quorum ? 'quorum' : 'asynchronous'} replication, ${report.automatic ? 'automatic failover by lease' : 'promotion by command'}, ${report.clients} clients`,
    '',
    '| fault | drills | without a commit: median / worst | rejoin: median / worst | lag before, worst |',
    '|---|---|---|---|---|',
  ];
  for (const kind of new Set(rounds.map((round) => round.fault))) {
    const own = rounds.filter((round) => round.fault === kind);
    const seconds = (values: readonly number[]): string => `${(median(values) / 1000).toFixed(1)} / ${(Math.max(...values) / 1000).toFixed(1)} s`;
    lines.push(`| ${FAULT_TEXT[kind]} | ${own.length} | ${seconds(own.map((round) => round.silenceMs))} | ${seconds(own.map((round) => round.rejoinMs))} | ${Math.max(...own.map((round) => round.lagBytes))} bytes |`);
  }
  lines.push('', `acknowledged commits: ${last?.acknowledged ?? 0}, lost: ${last?.lost ?? 0}; phantom commits: ${last?.phantoms ?? 0}; outcome unknown to the client: ${last?.unknown ?? 0}`);
  lines.push(`books balance: ${rounds.every((round) => round.balanced) ? 'yes' : 'NO'}; all nodes alike after every drill: ${rounds.every((round) => round.identical) ? 'yes' : 'NO'}`);
  return lines.join('\n');
}
