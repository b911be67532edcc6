/** The server log: what the logging settings write, and that values without effect are refused. */
import { expect } from 'chai';
import { PgError, PGliteDB, type LogEntry } from '../../lib/index.js';

describe('server log', () => {
  let db: PGliteDB;
  let entries: LogEntry[];
  const messages = (): string[] => entries.map(({ error_severity, message, statement, detail }) => (
    `${error_severity}: ${message.replace(/\d+\.\d{3} ms/, '# ms')}${detail === undefined ? '' : ` | ${detail}`}${statement === undefined ? '' : ` | ${statement}`}`));

  async function open(settings: Record<string, string> = {}): Promise<void> {
    db = await PGliteDB.open('memory://', { settings, log: (entry) => void entries.push(entry) });
  }
  beforeEach(() => {
    entries = [];
  });
  afterEach(() => db.close());

  it('errors with their statement, warnings; notices only when asked for', async () => {
    await open();
    await db.query('select 1/0').catch(() => undefined);
    await db.exec('drop table if exists nowhere; rollback');
    expect(messages()).to.deep.equal(['ERROR: division by zero | select 1/0', 'WARNING: there is no transaction in progress']);
    expect(entries[0]).to.include({ state_code: '22012', user: 'postgres', dbname: 'postgres', remote_host: '[local]' });
    await db.exec("set log_min_messages = 'notice'; set log_min_error_statement = 'panic'");
    await db.exec('drop table if exists nowhere').then(() => db.query('select 1/0')).catch(() => undefined);
    await db.exec("set log_min_messages = 'fatal'");
    await db.query('select 1/0').catch(() => undefined);
    expect(messages().slice(2)).to.deep.equal(['NOTICE: table "nowhere" does not exist, skipping', 'ERROR: division by zero']);
  });

  it('log_error_verbosity = terse leaves out detail and hint', async () => {
    await open();
    await db.exec('create table t (a int primary key); insert into t values (1)');
    for (const verbosity of ['default', 'terse']) {
      await db.exec(`set log_error_verbosity = '${verbosity}'`);
      await db.exec('insert into t values (1)').catch(() => undefined);
    }
    expect(entries.map(({ detail }) => detail)).to.deep.equal(['Key (a)=(1) already exists.', undefined]);
  });

  for (const [level, expected] of [['none', []], ['ddl', ['c', 'p']], ['mod', ['c', 'i', 'e', 'p']], ['all', ['c', 'i', 's', 'e', 'p', 'n']]] as const) {
    it(`log_statement = ${level}`, async () => {
      await open({ log_statement: level });
      const statements = {
        c: 'create table t (a int)', i: 'insert into t values (1)', s: 'select a from t', e: 'prepare e as delete from t; execute e',
        p: 'select a into u from t', n: 'reset log_statement',
      };
      for (const sql of Object.values(statements)) await db.exec(sql);
      expect(messages()).to.deep.equal(expected.map((key) => `LOG: statement: ${statements[key]}`));
    });
  }

  it('statements with parameters and their durations', async () => {
    await open({ log_statement: 'all' });
    await db.query('select $1::text, $2::int', ["it's", null]);
    expect(messages()).to.deep.equal(["LOG: execute <unnamed>: select $1::text, $2::int | Parameters: $1 = 'it''s', $2 = NULL"]);
    await db.exec('set log_parameter_max_length = 2');
    entries = [];
    await db.query('select $1::text', ['word']);
    expect(messages()).to.deep.equal(["LOG: execute <unnamed>: select $1::text | Parameters: $1 = 'wo...'"]);
  });

  it('log_duration and log_min_duration_statement', async () => {
    await open();
    await db.exec('set log_duration = on');
    entries = [];
    await db.exec('select 1');
    await db.exec('set log_min_duration_statement = 0');
    await db.exec('select 2');
    await db.exec('set log_min_duration_statement = 60000; set log_duration = off');
    await db.exec('select 3');
    expect(messages()).to.deep.equal([
      'LOG: duration: # ms', 'LOG: duration: # ms  statement: set log_min_duration_statement = 0', 'LOG: duration: # ms  statement: select 2',
    ]);
  });

  it('a statement that log_statement has shown is not repeated with its duration', async () => {
    await open({ log_statement: 'all', log_min_duration_statement: '0' });
    await db.exec('select 1');
    expect(messages()).to.deep.equal(['LOG: statement: select 1', 'LOG: duration: # ms']);
  });

  it('log_connections and log_disconnections', async () => {
    await open({ log_connections: 'on', log_disconnections: 'on' });
    await db.close();
    expect(messages()[0]).to.equal('LOG: connection authorized: user=postgres database=postgres');
    expect(messages().at(-1)).to.match(/^LOG: disconnection: session time: 0:00:0\d\.\d{3} user=postgres database=postgres host=\[local\]$/);
  });

  it('refuses what would have no effect', async () => {
    await open();
    for (const [sql, message] of [
      ['set log_lock_waits = on', "log_lock_waits = 'on' is not supported yet"], ['set debug_print_plan = on', "debug_print_plan = 'on' is not supported yet"],
      ['set log_temp_files = 0', "log_temp_files = '0' is not supported yet"], ["set log_statement_sample_rate = 0.5", "log_statement_sample_rate = '0.5' is not supported yet"],
    ]) {
      const error = await db.exec(sql).then(() => null, (caught: PgError) => caught);
      expect(error).to.include({ sqlstate: '0A000', message });
    }
    await db.exec('set log_lock_waits = off; set debug_print_plan = off');
    for (const [name, value, sqlstate] of [
      ['log_destination', 'jsonlog', '0A000'], ['log_destination', 'stderr, paper', '22023'], ['logging_collector', 'on', '0A000'],
      ['log_connections', 'all', '0A000'], ['log_connections', 'some', '22023'], ['log_checkpoints', 'on', '0A000'],
    ]) {
      const error = await PGliteDB.open('memory://', { settings: { [name]: value } }).then(() => null, (caught: PgError) => caught);
      expect(error, `${name} = ${value}`).to.include({ sqlstate });
    }
  });
});
