/**
 * Notices and warnings of a session on their way to its client: `client_min_messages`, and each once, even where a
 * command runs again (`catalog/conflict.ts`).
 */
import { pgError, type PgError } from '../base/error.js';
import type { SessionClient } from './client.js';

/** Severities as `client_min_messages` orders them, the least important first. */
const NOTICE_LEVELS = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error'];

/** A command that may run again. */
export interface CommandNotices {
  /** It runs again: what it has said already is not said twice. */
  repeat(): void;
  end(): void;
}

/** See the file's comment. */
export class SessionNotices {
  private commands = 0;
  /** What the running commands have said, and how much of it was said (again) in this run. */
  private readonly said: string[] = [];
  private at = 0;

  constructor(private readonly client: Pick<SessionClient, 'notice'>, private readonly minimum: () => string, private readonly log: (notice: PgError) => void) {}

  /** Tells the log, and the client if client_min_messages lets it through. */
  send(notice: PgError): void {
    if (this.commands > 0 && this.saidBefore(notice)) return;
    this.log(notice);
    const level = notice.severity === 'INFO' ? NOTICE_LEVELS.length : NOTICE_LEVELS.indexOf(notice.severity === 'DEBUG' ? 'debug1' : notice.severity.toLowerCase());
    if (level >= NOTICE_LEVELS.indexOf(this.minimum())) this.client.notice(notice);
  }

  warning(code: Parameters<typeof pgError>[0], message: string): void {
    this.send(pgError(code, message, { severity: 'WARNING' }));
  }

  /** A command begins; commands nest. */
  beginCommand(): CommandNotices {
    this.commands++;
    const start = this.at;
    return {
      repeat: () => {
        this.at = start;
      },
      end: () => {
        if (--this.commands > 0) return;
        this.said.length = 0;
        this.at = 0;
      },
    };
  }

  private saidBefore(notice: PgError): boolean {
    const { said } = this;
    if (this.at < said.length && said[this.at] === notice.message) {
      this.at++;
      return true;
    }
    said.length = this.at++;
    said.push(notice.message);
    return false;
  }
}
