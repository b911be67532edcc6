/** The command line of nodes: `primary` and `replica`; `serve.ts` runs them, loaded when one is started. */
import type { Command } from 'commander';
import type { UsageError } from './archive-commands.js';
import type { NodeArguments } from './serve.js';
import { SignalHandling } from './signals.js';
import type { TlsFiles } from './tls.js';

interface NodeCommandOptions extends TlsFiles {
  readonly data: string;
  readonly host?: string;
  readonly port?: number;
  readonly socket?: string;
  readonly replicationPort?: number;
  readonly name?: string;
  readonly advertise?: string;
  readonly archive?: string;
  readonly etcd?: string;
  readonly cluster: string;
  readonly lease: number;
  readonly primary?: string;
  readonly c: (readonly [string, string])[];
}

const DEFAULT_LEASE_SECONDS = 4;

/** Certificates for connections to other nodes. */
export function withTls(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'authority that the other nodes\' certificates come from (wss://)')
    .option('--tls-cert <file>', 'certificate to show to other nodes')
    .option('--tls-key <file>', 'its key');
}

/** Adds the commands to the program. */
export function addNodeCommands(program: Command, usageError: UsageError): void {
  const setting = (text: string, previous: (readonly [string, string])[]): (readonly [string, string])[] => {
    const equals = text.indexOf('=');
    if (equals <= 0) throw usageError(`error: -c ${text}: expected name=value`);
    return [...previous, [text.slice(0, equals).trim(), text.slice(equals + 1).trim()]];
  };
  const port = (name: string) => (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > 65535) throw usageError(`error: ${name} ${text}: expected a number from 0 to 65535`);
    return value;
  };
  const seconds = (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < 2) throw usageError(`error: --lease ${text}: expected a whole number of seconds from 2 on`);
    return value;
  };
  const node = (name: string): Command => withTls(program.command(name)
    .requiredOption('--data <dir>', 'data directory')
    .option('--host <address>', 'address to listen on; others than loopback need a password first (default: setting listen_addresses, 127.0.0.1)')
    .option('--port <number>', 'port to listen on, 0 for any free one (default: setting port, 5432)', port('--port'))
    .option('--socket <dir>', 'directory for the Unix socket .s.PGSQL.<port> (default: setting unix_socket_directories, none)')
    .option('--replication-port <number>', 'port for replicas, backups, status and promotion (default: none)', port('--replication-port'))
    .option('--name <name>', 'what other nodes know this one by, also in synchronous_standby_names (default: the command and the port)')
    .option('--advertise <url>', 'how other nodes reach the replication port (default: ws://127.0.0.1:PORT)')
    .option('--archive <place>', 'archive of log and backups: a directory, or s3://bucket/prefix')
    .option('--etcd <urls>', 'fail over by a lease in etcd: http://host:2379[,...]')
    .option('--cluster <name>', 'name of the cluster in etcd', 'main')
    .option('--lease <seconds>', 'how long a lost primary goes unnoticed at most, roughly', seconds, DEFAULT_LEASE_SECONDS)
    .option('-c <name=value>', 'set a server setting (repeatable)', setting, [])
    .exitOverride());

  node('primary')
    .description('run a primary server on a data directory (made and initialised when it is not there)')
    .action(async (options: NodeCommandOptions) => {
      const signals = new SignalHandling();
      const { runNode } = await import('./serve.js');
      await runNode(nodeArguments('primary', options, null), signals);
    });
  node('replica')
    .description('run a hot standby: clones an empty directory, then streams; serves read-only queries')
    .requiredOption('--primary <urls>', 'replication addresses to follow, the primary among them: ws://[role[:password]@]host:port[,...]')
    .action(async (options: NodeCommandOptions) => {
      const signals = new SignalHandling();
      const { runNode } = await import('./serve.js');
      await runNode(nodeArguments('replica', options, (options.primary ?? '').split(',').map((url) => url.trim()).filter((url) => url !== '')), signals);
    });
}

function nodeArguments(command: string, options: NodeCommandOptions, upstreams: readonly string[] | null): NodeArguments {
  const { data, host, port, socket, replicationPort, name, advertise, archive, etcd, cluster, lease, c: settings } = options;
  return {
    dataDirectory: data, host: host ?? null, port: port ?? null, socketDirectory: socket ?? null, settings,
    name: name ?? `${command}_${port ?? 5432}`, replicationPort: replicationPort ?? null, advertise: advertise ?? null, archive: archive ?? null, upstreams,
    consensus: etcd === undefined ? null : { endpoints: etcd.split(',').map((url) => url.trim().replace(/\/+$/, '')), cluster, ttlSeconds: lease },
    tlsFiles: options,
  };
}
