/**
 * Objects in S3, or in anything that speaks its protocol: requests signed by `aws4fetch` (AWS Signature Version 4), sent through the
 * environment's network. `putIfAbsent` is a PUT with `If-None-Match: *`, which AWS, MinIO, Ceph and R2 honour.
 *
 * A request that fails on the way, or is answered by 429 or 5xx, is tried again a few times with growing pauses: each of them may be
 * repeated without harm. (A repeated conditional PUT may meet its own first try; then the object's content is compared.)
 */
import { AwsV4Signer } from 'aws4fetch';
import { pgError } from '../base/error.js';
import type { Env } from '../env/env.js';
import type { HttpRequest, HttpResponse } from '../env/network.js';
import { digestOf } from './object.js';
import { checkKey, PAGE_OBJECTS, type ObjectEntry, type ObjectStore } from './store.js';

/** Where a bucket is and who asks. */
export interface S3Options {
  readonly bucket: string;
  /** In front of every key; empty, or ends in a slash. */
  readonly prefix: string;
  /** `https://s3.eu-central-1.amazonaws.com`; the bucket is the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const TRIES = 5;
const FIRST_PAUSE_MS = 200;
const TIMEOUT_MS = 120_000;

/**
 * Reads `s3://bucket/prefix` and AWS's environment variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
 * AWS_DEFAULT_REGION (us-east-1), AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (AWS's own). 22023 when something is missing.
 */
export function s3Options(location: string, variables: Readonly<Record<string, string | undefined>>): S3Options {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._\-/]*))?$/.exec(location);
  if (match === null) throw pgError('INVALID_PARAMETER_VALUE', `invalid archive location "${location}"`, { hint: 'Expected s3://bucket/prefix.' });
  const accessKeyId = variables.AWS_ACCESS_KEY_ID;
  const secretAccessKey = variables.AWS_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) {
    throw pgError('INVALID_PARAMETER_VALUE', `no credentials for archive "${location}"`, { hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.' });
  }
  const region = variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint = variables.AWS_ENDPOINT_URL_S3 ?? variables.AWS_ENDPOINT_URL ?? `https://s3.${region}.amazonaws.com`;
  const prefix = (match[2] ?? '').replace(/^\/+|\/+$/g, '');
  return {
    bucket: match[1], prefix: prefix === '' ? '' : `${prefix}/`, endpoint: endpoint.replace(/\/+$/, ''), region, accessKeyId, secretAccessKey,
    ...(variables.AWS_SESSION_TOKEN ? { sessionToken: variables.AWS_SESSION_TOKEN } : {}),
  };
}

/** The store in a bucket. Nothing is asked of it yet. */
export function openS3Store(env: Env, options: S3Options): ObjectStore {
  return new S3Store(env, options);
}

/** What is asked of S3. */
interface S3Request {
  readonly method: HttpRequest['method'];
  /** Path and query behind the bucket. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Answers that are not failures. */
  readonly accepted: readonly number[];
}

/** A bucket as an object store. */
class S3Store implements ObjectStore {
  readonly name: string;
  private readonly signingKeys = new Map<string, ArrayBuffer>();

  constructor(private readonly env: Env, private readonly options: S3Options) {
    this.name = `s3://${options.bucket}/${options.prefix}`.replace(/\/$/, '');
  }

  private target(key: string): string {
    checkKey(key);
    return `/${this.options.prefix}${key}`;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.ask({ method: 'PUT', target: this.target(key), body: bytes, accepted: [200] });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const { status, tries } = await this.ask({
      method: 'PUT', target: this.target(key), headers: { 'if-none-match': '*' }, body: bytes, accepted: [200, 409, 412],
    });
    if (status === 200) return true;
    // 409: another conditional PUT is under way; the object is there when that one has ended.
    if (status === 409 && !await this.exists(key)) throw this.failure(`PUT of "${key}" met another one`);
    if (tries === 1) return false;
    const found = await this.get(key);
    return found !== null && Buffer.compare(found, bytes) === 0;
  }

  async get(key: string): Promise<Uint8Array | null> {
    const { status, bytes } = await this.ask({ method: 'GET', target: this.target(key), accepted: [200, 404] });
    return status === 404 ? null : bytes ?? new Uint8Array(0);
  }

  async list(prefix: string, after = '', limit = PAGE_OBJECTS): Promise<readonly ObjectEntry[]> {
    const own = this.options.prefix;
    // The first version of ListObjects: its marker is a key, so a page needs nothing of the page before.
    const query = new URLSearchParams({ 'max-keys': String(Math.min(limit, PAGE_OBJECTS)), prefix: own + prefix });
    if (after !== '') query.set('marker', own + after);
    // Signature and server must see the same escapes.
    const { body } = await this.ask({ method: 'GET', target: `?${query.toString().replaceAll('+', '%20')}`, accepted: [200] });
    return [...body.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(([, entry]) => {
      const key = /<Key>([^<]*)<\/Key>/.exec(entry)?.[1];
      const size = /<Size>(\d+)<\/Size>/.exec(entry)?.[1];
      if (key === undefined || size === undefined) throw this.failure('its listing cannot be read');
      return { key: key.slice(own.length), size: Number(size) };
    });
  }

  async remove(key: string): Promise<void> {
    await this.ask({ method: 'DELETE', target: this.target(key), accepted: [200, 204, 404] });
  }

  async exists(key: string): Promise<boolean> {
    return (await this.ask({ method: 'HEAD', target: this.target(key), accepted: [200, 404] })).status === 200;
  }

  private failure(why: string): Error {
    return pgError('IO_ERROR', `archive "${this.name}": ${why}`);
  }

  /** Asks until there is an accepted answer, at most `TRIES` times. */
  private async ask(request: S3Request): Promise<HttpResponse & { tries: number }> {
    const { env } = this;
    for (let tries = 1; ; tries++) {
      let why: string;
      try {
        const response = await env.network.request(await this.sign(request));
        if (request.accepted.includes(response.status)) return { status: response.status, body: response.body, bytes: response.bytes, tries };
        why = `${request.method} was answered ${response.status} ${/<Code>([^<]*)<\/Code>/.exec(response.body)?.[1] ?? ''}`.trimEnd();
        if (response.status < 500 && response.status !== 429) throw this.failure(`${why}: ${/<Message>([^<]*)<\/Message>/.exec(response.body)?.[1] ?? 'no reason given'}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith(`archive "${this.name}"`)) throw error;
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        why = `could not be reached: ${cause instanceof Error ? cause.message || cause.name : String(cause)}`;
      }
      if (tries === TRIES) throw this.failure(why);
      const pauseMs = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + env.random.float());
      await new Promise<void>((resolve) => env.timers.after(pauseMs, resolve));
    }
  }

  private async sign({ method, target, headers, body }: S3Request): Promise<HttpRequest> {
    const { options, env } = this;
    const datetime = `${new Date(env.clock.wallMicros() / 1000).toISOString().replaceAll(/[:-]|\.\d{3}/g, '')}`;
    const signer = new AwsV4Signer({
      method, url: `${options.endpoint}/${options.bucket}${target}`, service: 's3', region: options.region, datetime, cache: this.signingKeys,
      accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey, sessionToken: options.sessionToken,
      headers: { ...headers, 'x-amz-content-sha256': await digestOf(body ?? new Uint8Array(0)) },
    });
    const signed = await signer.sign();
    return { method, url: signed.url.toString(), headers: Object.fromEntries(signed.headers), body, timeoutMs: TIMEOUT_MS };
  }
}
