/**
 * SIGTERM and SIGINT stop a node cleanly, at every stage of its life: while its modules are being loaded the process just ends; a start that
 * waits for other nodes gives up; a node that runs is stopped. A second signal ends the process at once.
 */

/** What signals do to. */
export interface Stoppable {
  reloadSettings(): void;
  stop(): Promise<void>;
}

/** See the file's comment. */
export class SignalHandling {
  private readonly abort = new AbortController();
  private stage: 'loading' | 'starting' | Stoppable = 'loading';
  private stopping = false;
  /** Told of what keeps a node from a clean stop. */
  private failed: (error: unknown) => void = () => undefined;

  constructor() {
    process.on('SIGTERM', () => this.received());
    process.on('SIGINT', () => this.received());
    process.on('SIGHUP', () => typeof this.stage === 'object' && this.stage.reloadSettings());
  }

  /** Aborted when the node is told to stop before it is ready. */
  get whileStarting(): AbortSignal {
    return this.abort.signal;
  }

  /** The node is about to open its directory. */
  starting(failed: (error: unknown) => void): void {
    this.stage = 'starting';
    this.failed = failed;
  }

  /** The node is ready; one that was told to stop meanwhile stops now. */
  started(node: Stoppable): void {
    this.stage = node;
    if (this.stopping) this.stop(node);
  }

  private received(): void {
    if (this.stopping) process.exit(1);
    this.stopping = true;
    if (this.stage === 'loading') process.exit(0);
    else if (this.stage === 'starting') this.abort.abort();
    else this.stop(this.stage);
  }

  private stop(node: Stoppable): void {
    node.stop().then(() => process.exit(0), (error: unknown) => this.failed(error));
  }
}
