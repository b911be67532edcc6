/**
 * Names of replication slots (PostgreSQL's ReplicationSlotValidateName). Here because settings, functions and replication ask.
 */
import { pgError } from '../base/error.js';

const NAME_BYTES = 63;

/** 42602, 42622 for what cannot name a slot. */
export function checkSlotName(name: string): void {
  if (name === '') throw pgError('INVALID_NAME', 'replication slot name "" is too short');
  if (Buffer.byteLength(name) > NAME_BYTES) throw pgError('NAME_TOO_LONG', `replication slot name "${name}" is too long`);
  if (/^[a-z0-9_]+$/.test(name)) return;
  throw pgError('INVALID_NAME', `replication slot name "${name}" contains invalid character`, {
    hint: 'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
  });
}
