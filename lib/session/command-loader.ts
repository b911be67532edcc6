/**
 * Loads `lib/commands` when the first utility statement needs it, or shortly after start: the first query does not wait for
 * eighty modules that it does not use.
 */
import { Suspend, type Suspendable } from '../base/suspend.js';

type Commands = typeof import('../commands/all.js');

let loaded: Commands | null = null;
let loading: Promise<void> | null = null;

/** Starts loading; resolves once the commands are there. */
export function loadCommands(): Promise<void> {
  loading ??= import('../commands/all.js').then((commands) => {
    loaded = commands;
  });
  return loading;
}

/** The commands; waits for them at most once in a process. */
export function* commands(): Suspendable<Commands> {
  if (loaded === null) yield new Suspend(loadCommands());
  return loaded!;
}
