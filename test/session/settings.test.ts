/** Settings: parsing and printing as PostgreSQL does, layers, SET and SET LOCAL through transactions and savepoints. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { checkTimeZone, formatDateStyle, parseDateStyle } from '../../lib/session/settings/checks.js';
import { parseConfigFile } from '../../lib/session/settings/config-file.js';
import { settingDefinition } from '../../lib/session/settings/definitions.js';
import { ServerSettings, SessionSettings } from '../../lib/session/settings/store.js';
import { formatSettingValue, parseSettingValue } from '../../lib/session/settings/values.js';

function shown(name: string, text: string): string {
  const definition = settingDefinition(name)!;
  return formatSettingValue(definition, parseSettingValue(definition, text));
}

describe('values of settings', () => {
  const cases: readonly [string, string, string][] = [
    ['work_mem', '4096', '4MB'], ['work_mem', '1GB', '1GB'], ['work_mem', '1.5GB', '1536MB'], ['work_mem', '64 kB', '64kB'], ['shared_buffers', '16384', '128MB'],
    ['statement_timeout', '90s', '90s'], ['statement_timeout', '1500', '1500ms'], ['statement_timeout', '1min', '1min'], ['statement_timeout', '0', '0'],
    ['enable_seqscan', 'OFF', 'off'], ['enable_seqscan', 'tr', 'on'], ['random_page_cost', '1.1', '1.1'], ['random_page_cost', '4', '4'],
    ['seq_page_cost', '1e-5', '1e-05'], ['synchronous_commit', 'TRUE', 'on'], ['client_min_messages', 'debug', 'debug2'], ['checkpoint_timeout', '0x1E', '30s'],
    ['vacuum_cost_delay', '2.5', '2500us'], ['lock_timeout', '1d', '1d'],
  ];
  for (const [name, text, expected] of cases) {
    it(`${name} = ${text} shows as ${expected}`, () => expect(shown(name, text)).to.equal(expected));
  }

  const refusals: readonly [string, string, string][] = [
    ['work_mem', '1', '1 kB is outside the valid range for parameter "work_mem" (64 kB .. 2147483647 kB)'],
    ['work_mem', 'lots', 'invalid value for parameter "work_mem": "lots"'],
    ['work_mem', '1XB', 'invalid value for parameter "work_mem": "1XB"'],
    ['enable_seqscan', 'o', 'parameter "enable_seqscan" requires a Boolean value'],
    ['synchronous_commit', 'sometimes', 'invalid value for parameter "synchronous_commit": "sometimes"'],
  ];
  for (const [name, text, message] of refusals) {
    it(`refuses ${name} = ${text}`, () => expect(() => shown(name, text)).to.throw(PgError, message).that.includes({ sqlstate: '22023' }));
  }
});

describe('DateStyle and TimeZone', () => {
  const current = { style: 'ISO', order: 'MDY' } as const;

  it('keeps what a part leaves open', () => {
    expect(formatDateStyle(parseDateStyle('german', current))).to.equal('German, DMY');
    expect(formatDateStyle(parseDateStyle('ymd', { style: 'SQL', order: 'DMY' }))).to.equal('SQL, YMD');
    expect(formatDateStyle(parseDateStyle('Postgres, European', current))).to.equal('Postgres, DMY');
    expect(() => parseDateStyle('iso, sql', current)).to.throw(PgError, 'invalid value for parameter "DateStyle": "iso, sql"');
  });

  it('finds zones whatever their case, and takes offsets and POSIX zones', () => {
    expect(checkTimeZone('america/new_york')).to.equal('America/New_York');
    expect(checkTimeZone('utc')).to.equal('UTC');
    expect(checkTimeZone('us/pacific')).to.equal('US/Pacific');
    expect(checkTimeZone('-7')).to.equal('<-07>+07');
    expect(checkTimeZone('5.5')).to.equal('<+05:30>-05:30');
    expect(checkTimeZone('FOO+3')).to.equal('FOO+3');
    expect(checkTimeZone('-04:15')).to.equal('-04:15');
    expect(() => checkTimeZone('Nowhere/Land')).to.throw(PgError, 'invalid value for parameter "TimeZone": "Nowhere/Land"');
  });
});

describe('a session\'s settings', () => {
  const changes: [string, unknown][] = [];
  const make = (): SessionSettings => {
    changes.length = 0;
    return new SessionSettings(new ServerSettings(), new Map(), (key, value) => changes.push([key, value]));
  };
  const set = { source: 'session', isLocal: false, isSuperuser: true } as const;
  const local = { ...set, isLocal: true } as const;

  it('keeps SET at commit and undoes it at rollback', () => {
    const settings = make();
    settings.beginLevel();
    settings.set('work_mem', '1MB', set);
    settings.endLevel(1, true);
    expect(settings.show('work_mem')).to.equal('1MB');
    settings.beginLevel();
    settings.set('work_mem', '2MB', set);
    settings.endLevel(1, false);
    expect(settings.show('work_mem')).to.equal('1MB');
    expect(changes.at(-1)).to.deep.equal(['work_mem', 1024]);
  });

  it('undoes SET LOCAL at the end, down to a SET before it', () => {
    const settings = make();
    settings.beginLevel();
    settings.set('work_mem', '1MB', set);
    settings.set('work_mem', '2MB', local);
    expect(settings.show('work_mem')).to.equal('2MB');
    settings.endLevel(1, true);
    expect(settings.show('work_mem')).to.equal('1MB');
  });

  it('follows savepoints', () => {
    const settings = make();
    settings.beginLevel();
    settings.set('work_mem', '1MB', set);
    const inner = settings.beginLevel();
    settings.set('work_mem', '2MB', local);
    settings.endLevel(inner, true);
    expect(settings.show('work_mem')).to.equal('2MB');
    const undone = settings.beginLevel();
    settings.set('work_mem', '3MB', set);
    settings.endLevel(undone, false);
    expect(settings.show('work_mem')).to.equal('2MB');
    settings.endLevel(1, true);
    expect(settings.show('work_mem')).to.equal('1MB');
  });

  it('ignores SET LOCAL outside of a transaction', () => {
    const settings = make();
    settings.set('work_mem', '1MB', local);
    expect(settings.show('work_mem')).to.equal('4MB');
  });

  it('resets to what the start-up packet gave', () => {
    const settings = make();
    settings.setDefault('work_mem', '8MB', 'client', false);
    settings.set('work_mem', '1MB', set);
    settings.set('work_mem', null, set);
    expect(settings.show('work_mem')).to.equal('8MB');
  });

  it('takes customized options and refuses others it does not know', () => {
    const settings = make();
    settings.set('myapp.user', 'me', set);
    expect(settings.show('myapp.user')).to.equal('me');
    expect(() => settings.set('nonsense', '1', set)).to.throw(PgError, 'unrecognized configuration parameter "nonsense"').that.includes({ sqlstate: '42704' });
    expect(() => settings.set('bad.n!', '1', set)).to.throw(PgError).that.includes({ sqlstate: '42602' });
  });

  it('holds who may change what', () => {
    const settings = make();
    const user = { ...set, isSuperuser: false };
    expect(() => settings.set('port', '1', set)).to.throw(PgError, 'parameter "port" cannot be changed without restarting the server');
    expect(() => settings.set('server_version', '1', set)).to.throw(PgError, 'parameter "server_version" cannot be changed');
    expect(() => settings.set('checkpoint_timeout', '1min', set)).to.throw(PgError, 'parameter "checkpoint_timeout" cannot be changed now');
    expect(() => settings.set('session_replication_role', 'replica', user)).to.throw(PgError, 'permission denied to set parameter "session_replication_role"');
  });
});

describe('the configuration file', () => {
  it('reads lines as postgresql.conf has them', () => {
    expect(parseConfigFile('# c\nport = 5433 # x\n\nwork_mem \'1 MB\'\nsearch_path=\'a, \'\'b\'\'\'\n', 'f')).to.deep.equal([
      { name: 'port', value: '5433', line: 2 }, { name: 'work_mem', value: '1 MB', line: 4 }, { name: 'search_path', value: "a, 'b'", line: 5 },
    ]);
  });

  it('names the line of a syntax error', () => {
    expect(() => parseConfigFile('a = 1\nb = = 2\n', 'f')).to.throw(PgError, 'syntax error in file "f" line 2').that.includes({ sqlstate: 'F0000' });
  });
});
