/** How far long work has come. */

/** A moment of long work. */
export interface ProgressReport {
  /** What is being read or written: `state`, `log`, `objects`. */
  readonly what: string;
  readonly doneBytes: number;
  /** As far as it is known; may grow. */
  readonly totalBytes: number;
}

/** Called now and then, and once at the end. */
export type Progress = (report: ProgressReport) => void;
