/** Functions and views of replication and recovery: rows, privileges, errors; and settings read again. */
import { expect } from 'chai';
import { formatLsn, lsn } from '../../lib/base/lsn.js';
import { pgError } from '../../lib/base/error.js';
import type { LogMessage } from '../../lib/access/api.js';
import type { ReceiverStatus, ReplicationStatus, SenderStatus, SlotStatus } from '../../lib/session/replication-status.js';
import { SEGMENT_BYTES } from '../../lib/wal/format.js';
import { failure, Node, Pair } from './pair.js';

const SENDER: SenderStatus = {
  processId: 900, userOid: 10, applicationName: 'replica1', client: { address: '10.0.0.7', port: 4711 }, backendStart: 1_000_000, state: 'streaming',
  sentLsn: lsn(400), writeLsn: lsn(300), flushLsn: lsn(200), replayLsn: lsn(100), writeLag: 1500, flushLag: 2_000_000, replayLag: null,
  syncPriority: 1, syncState: 'sync', replyTime: 2_000_000,
};
const RECEIVER: ReceiverStatus = {
  processId: 901, status: 'streaming', receiveStartLsn: lsn(16), receiveStartTimeline: 1, writtenLsn: lsn(300), flushedLsn: lsn(200), receivedTimeline: 1,
  lastMessageSent: 1_000_000, lastMessageReceived: 2_000_000, latestEndLsn: lsn(300), latestEndTime: 3_000_000, slotName: 's', senderHost: 'upstream',
  senderPort: 5480, connectionInfo: 'ws://upstream:5480',
};

/** Replication as the test says it is. */
function status(): ReplicationStatus & { asked: string[] } {
  const slots = new Map<string, SlotStatus>();
  const asked: string[] = [];
  return {
    asked,
    senders: () => [SENDER],
    receiver: () => RECEIVER,
    archiver: () => ({
      archivedCount: 7, lastArchivedWal: '000000010000000000000007', lastArchivedTime: 1_000_000, failedCount: 1, lastFailedWal: null, lastFailedTime: null, statsReset: 0,
    }),
    slots: {
      list: () => slots.values(),
      create(name, reserve, owner) {
        if (slots.has(name)) throw pgError('DUPLICATE_OBJECT', `replication slot "${name}" already exists`);
        const restartLsn = reserve ? lsn(4096) : null;
        slots.set(name, {
          name, temporary: owner !== null, activeProcessId: owner, restartLsn, walStatus: reserve ? 'reserved' : null, safeWalSize: null, inactiveSince: 0, invalidationReason: null,
        });
        return restartLsn;
      },
      copy: () => lsn(0),
      advance: (_name, position) => position,
      dropTemporary: () => undefined,
      drop(name) {
        if (!slots.delete(name)) throw pgError('UNDEFINED_OBJECT', `replication slot "${name}" does not exist`);
      },
    },
    promote(wait, waitSeconds) {
      asked.push(`${wait} ${waitSeconds}`);
      return Promise.resolve(waitSeconds !== 5);
    },
  };
}

describe('replication at SQL level', function () {
  this.timeout(60_000);
  let pair: Pair;
  before(async () => {
    pair = await Pair.start('create role watcher; create role monitor in role pg_monitor; create role replicator replication');
  });
  after(() => pair.stop());

  const text = async (sql: string, on = pair.writer): Promise<unknown> => (await pair.read(`select (${sql})::text`, on)).map((row) => (row as unknown[])[0])[0];
  const as = async <T>(role: string, work: () => Promise<T>): Promise<T> => {
    await pair.writer.exec(`set role ${role}`);
    try {
      return await work();
    } finally {
      await pair.writer.exec('reset role');
    }
  };

  it('shows nothing where there is no replication', async () => {
    for (const view of ['pg_stat_replication', 'pg_stat_wal_receiver', 'pg_replication_slots']) expect(await pair.read(`select * from ${view}`, pair.writer)).to.deep.equal([]);
    expect(await pair.read('select archived_count, failed_count from pg_stat_archiver', pair.writer)).to.deep.equal([[0, 0]]);
    expect((await failure(pair.writer.exec("select pg_create_physical_replication_slot('s')"))).sqlstate).to.equal('0A000');
  });

  it('shows senders, receiver, slots and archive', async () => {
    pair.primary.engine.replication = status();
    expect(await pair.read(`select pid, usesysid::int, usename, application_name, client_addr::text, host(client_addr), client_port, state, sent_lsn::text, write_lsn::text, flush_lsn::text, replay_lsn::text,
      write_lag::text, flush_lag::text, replay_lag::text, sync_priority, sync_state, reply_time::text from pg_stat_replication`, pair.writer)).to.deep.equal([[
      900, 10, 'postgres', 'replica1', '10.0.0.7/32', '10.0.0.7', 4711, 'streaming', '0/190', '0/12C', '0/C8', '0/64', '00:00:00.0015', '00:00:02', null, 1, 'sync', '2000-01-01 00:00:02+00',
    ]]);
    expect(await pair.read('select pid, status, receive_start_lsn::text, written_lsn::text, flushed_lsn::text, received_tli, slot_name, sender_host, sender_port, conninfo from pg_stat_wal_receiver', pair.writer))
      .to.deep.equal([[901, 'streaming', '0/10', '0/12C', '0/C8', 1, 's', 'upstream', 5480, 'ws://upstream:5480']]);
    expect(await pair.read('select archived_count, last_archived_wal, failed_count from pg_stat_archiver', pair.writer)).to.deep.equal([[7, '000000010000000000000007', 1]]);
    expect(await text("pg_create_physical_replication_slot('s1')")).to.equal('(s1,)');
    expect(await text("pg_create_physical_replication_slot('s2', true)")).to.equal('(s2,0/1000)');
    expect(await pair.read('select slot_name, slot_type, active, restart_lsn::text, wal_status from pg_replication_slots order by 1', pair.writer))
      .to.deep.equal([['s1', 'physical', false, null, null], ['s2', 'physical', false, '0/1000', 'reserved']]);
    await pair.writer.exec("select pg_drop_replication_slot('s2')");
    const refused: readonly (readonly [string, string])[] = [
      ["select pg_drop_replication_slot('s2')", '42704 replication slot "s2" does not exist'],
      ["select pg_create_physical_replication_slot('s1')", '42710 replication slot "s1" already exists'],
      ["select pg_create_physical_replication_slot('S 2')", '42602 replication slot name "S 2" contains invalid character'],
      ["select pg_create_physical_replication_slot('')", '42602 replication slot name "" is too short'],
    ];
    for (const [sql, expected] of refused) {
      const { sqlstate, message } = await failure(pair.writer.exec(sql));
      expect(`${sqlstate} ${message}`).to.equal(expected);
    }
    const [[records, bytes]] = await pair.read('select wal_records::int > 0, wal_bytes > 0 from pg_stat_wal', pair.writer) as [[boolean, boolean]];
    expect([records, bytes]).to.deep.equal([true, true]);
  });

  it('hides from other roles what they may not see or do', async () => {
    pair.primary.engine.replication = status();
    await as('watcher', async () => {
      expect(await pair.read('select pid, application_name, state, sent_lsn from pg_stat_replication', pair.writer)).to.deep.equal([[900, null, null, null]]);
      expect(await pair.read('select pid, status, conninfo from pg_stat_wal_receiver', pair.writer)).to.deep.equal([[901, null, null]]);
      for (const call of ['pg_promote()', 'pg_wal_replay_pause()', 'pg_wal_replay_resume()', 'pg_switch_wal()', "pg_create_restore_point('x')", 'pg_reload_conf()']) {
        expect((await failure(pair.writer.exec(`select ${call}`))).message).to.equal(`permission denied for function ${call.replace(/\(.*/, '')}`);
      }
      expect((await failure(pair.writer.exec("select pg_create_physical_replication_slot('s9')"))).message).to.equal('permission denied to use replication slots');
      expect(await text('pg_is_in_recovery()')).to.equal('false');
    });
    await as('monitor', async () => expect(await pair.read('select application_name, state from pg_stat_replication', pair.writer)).to.deep.equal([['replica1', 'streaming']]));
    await as('replicator', async () => expect(await text("pg_create_physical_replication_slot('s9')")).to.equal('(s9,)'));
  });

  it('knows where the log is, on a primary and on a standby', async () => {
    await pair.write('create table positions (a int)');
    expect(await text('pg_current_wal_lsn() <= pg_current_wal_insert_lsn()')).to.equal('true');
    expect(await text('pg_last_wal_replay_lsn() is null and pg_last_wal_receive_lsn() is null and pg_last_xact_replay_timestamp() is null')).to.equal('true');
    const end = formatLsn(pair.primary.engine.storage.appendedLsn());
    expect(await pair.read('select pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp() is not null')).to.deep.equal([[end, end, true]]);
    expect(await text("pg_walfile_name('0/16B3748')")).to.equal('000000010000000000000001');
    expect(await text("pg_walfile_name_offset('0/16B3748')")).to.equal('(000000010000000000000001,7026504)');
    expect(await text("pg_split_walfile_name('0000000100000000000001FF')")).to.equal('(511,1)');
    expect((await failure(pair.writer.exec("select pg_split_walfile_name('x')"))).message).to.equal('invalid WAL file name "x"');
    expect(await text('(select system_identifier from pg_control_system())')).to.equal(String(pair.primary.source.systemIdentifier));
    expect(await text('(select timeline_id from pg_control_checkpoint())')).to.equal('1');
    const inRecovery = 'recovery is in progress';
    for (const call of ['pg_current_wal_lsn()', 'pg_switch_wal()', "pg_create_restore_point('a')", "pg_walfile_name('0/1')"]) {
      expect(await failure(pair.reader.exec(`select ${call}`)), call).to.include({ sqlstate: '55000', message: inRecovery });
    }
    for (const call of ['pg_wal_replay_pause()', 'pg_is_wal_replay_paused()', 'pg_get_wal_replay_pause_state()', 'pg_promote()']) {
      expect(await failure(pair.writer.exec(`select ${call}`)), call).to.include({ sqlstate: '55000', message: 'recovery is not in progress' });
    }
  });

  it('pauses replay and goes on', async () => {
    expect(await text('pg_get_wal_replay_pause_state()', pair.reader)).to.equal('not paused');
    await pair.reader.exec('select pg_wal_replay_pause()');
    expect(await text('pg_get_wal_replay_pause_state()', pair.reader)).to.equal('paused');
    await pair.writer.exec('insert into positions values (1)');
    await pair.send();
    expect(await pair.read('select * from positions')).to.deep.equal([]);
    await pair.reader.exec('select pg_wal_replay_resume()');
    await pair.ship();
    expect(await pair.read('select * from positions')).to.deep.equal([[1]]);
  });

  it('asks for a promotion', async () => {
    const replication = status();
    pair.replica.engine.replication = replication;
    expect(await text('pg_promote()', pair.reader)).to.equal('true');
    const notices: string[] = [];
    await pair.reader.query('select pg_promote(true, 5)', [], { onNotice: ({ message }) => notices.push(message) });
    expect(notices).to.deep.equal(['server did not promote within 5 seconds']);
    expect(replication.asked).to.deep.equal(['true 60', 'true 5']);
    expect((await failure(pair.reader.exec('select pg_promote(true, 0)'))).message).to.equal('"wait_seconds" must not be negative or zero');
  });

  it('names restore points in the log and ends segments', async () => {
    const messages: (readonly [string, string, number])[] = [];
    pair.replica.engine.storage.onMessage((message: LogMessage, commitLsn) => messages.push([message.kind, Buffer.from(message.payload).toString(), commitLsn]));
    const point = await text("pg_create_restore_point('before the migration')");
    await pair.ship();
    expect(messages.map(([kind, name, at]) => [kind, name, formatLsn(lsn(at))])).to.deep.equal([['restore point', 'before the migration', point]]);
    expect((await failure(pair.writer.exec(`select pg_create_restore_point('${'x'.repeat(64)}')`))).message).to.equal('value too long for restore point (maximum 63 characters)');
    const end = await text('pg_switch_wal()');
    expect(end).to.equal(point);
    expect(await text('pg_switch_wal()')).to.equal(formatLsn(lsn(2 * SEGMENT_BYTES)));
    await pair.write("insert into positions values (2)");
    expect(await pair.read('select * from positions order by 1')).to.deep.equal([[1], [2]]);
    expect(Number(pair.replica.standby.appliedLsn)).to.be.greaterThan(2 * SEGMENT_BYTES);
  });
});

describe('settings read again', () => {
  it('take effect in open sessions and tell who listens; what needs a restart says so', async () => {
    const node = await new Node(31).start([['work_mem', '5MB']]);
    const { engine, env } = node;
    const session = node.session();
    const own = node.session();
    await own.exec("set wal_sender_timeout = '7s'");
    const told: string[][] = [];
    const unwatch = engine.settings.watch((keys) => told.push([...keys].sort()));
    const configure = (text: string): void => env.files.writeFile('data/pglitedb.conf', Buffer.from(text));
    const show = async (name: string, of = session): Promise<unknown> => Object.values((await of.query(`show ${name}`)).rows[0] as object)[0];
    configure("synchronous_standby_names = 'ANY 2 (a, b, \"c d\")'\nwal_sender_timeout = 30s\nmax_wal_senders = 3\nwork_mem = 9MB\nnonsense = 1\n");
    expect((await session.query('select pg_reload_conf() as done')).rows).to.deep.equal([{ done: true }]);
    expect(await show('synchronous_standby_names')).to.equal('ANY 2 (a, b, "c d")');
    expect([await show('wal_sender_timeout'), await show('wal_sender_timeout', own)]).to.deep.equal(['30s', '7s']);
    expect([await show('work_mem'), await show('max_wal_senders')]).to.deep.equal(['5MB', '10']);
    expect(node.errors).to.deep.equal(['unrecognized configuration parameter "nonsense"', 'parameter "max_wal_senders" cannot be changed without restarting the server']);
    expect((await session.query("select name from pg_settings where pending_restart")).rows).to.deep.equal([{ name: 'max_wal_senders' }]);
    await session.exec("alter system set synchronous_standby_names = 'x'");
    engine.reloadSettings();
    expect(await show('synchronous_standby_names')).to.equal('x');
    configure('synchronous_standby_names = \'FIRST 0 (a)\'\n');
    await session.exec('alter system reset synchronous_standby_names');
    node.errors.length = 0;
    engine.reloadSettings();
    expect(node.errors).to.deep.equal(['number of synchronous standbys (0) must be greater than zero']);
    expect(await show('synchronous_standby_names'), 'a wrong value changes nothing').to.equal('x');
    expect(await failure(session.exec("alter system set primary_slot_name = 'A b'"))).to.include({
      sqlstate: '42602', message: 'invalid value for parameter "primary_slot_name": "A b"', detail: 'replication slot name "A b" contains invalid character',
    });
    expect((await failure(session.exec("alter system set synchronous_standby_names = ' '"))).detail).to.equal('syntax error at end of input');
    configure('');
    unwatch();
    engine.reloadSettings();
    expect([await show('synchronous_standby_names'), await show('wal_sender_timeout')]).to.deep.equal(['', '1min']);
    expect(told).to.deep.equal([['synchronous_standby_names', 'wal_sender_timeout'], ['synchronous_standby_names'], ['wal_sender_timeout']]);
    await engine.close();
  });

  it('reach a standby\'s way of applying', async () => {
    const pair = await Pair.start('', [['recovery_min_apply_delay', '3s']]);
    const { engine, env, standby } = pair.replica;
    const delays = (): number[] => [standby.settings.applyDelayMs, standby.settings.conflictDelayMs];
    expect(delays()).to.deep.equal([3000, 30_000]);
    env.files.writeFile('data/pglitedb.conf', Buffer.from('max_standby_streaming_delay = -1\nmax_standby_archive_delay = 2s\nrecovery_min_apply_delay = 1min\n'));
    engine.reloadSettings();
    expect(delays(), 'the command line goes before the file').to.deep.equal([3000, -1]);
    engine.replication = { ...status(), receiver: () => null };
    expect(delays(), 'nobody streams').to.deep.equal([3000, 2000]);
    engine.replication = status();
    expect(delays()).to.deep.equal([3000, -1]);
    await pair.stop();
  });
});
