// Over 200 lines: one class, all of LangGraph's interface.
import type { BaseMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import {
  copyCheckpoint,
  DeltaSnapshot,
  emptyCheckpoint,
  isDeltaSnapshot,
  uuid6,
  WRITES_IDX_MAP,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint';
import type { Database } from '../database/database.js';
import { parseJson } from '../database/parse-json.js';
import { requireStorable } from '../database/storable.js';
import { InvalidInputError, SessionConflictError } from '../errors.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import { threadKey, threadOf } from '../tenancy/thread-key.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { at, checkpointIdOf, isRoot, isRun, namespaceOf, threadIdOf } from './checkpoint-config.js';
import { CheckpointLineage, isRunRefusal, type GraphRun } from './checkpoint-lineage.js';
import { CheckpointSerializer } from './checkpoint-serializer.js';
import {
  isDelta,
  isForeign,
  laidOver,
  MESSAGES,
  newest,
  OVERTAKEN,
  requireLaidOver,
  type ChannelDraft,
  type ChannelDrafts,
  type CheckpointWrite,
  type KeptCheckpoint,
  type PreparedCheckpoint,
  type References,
} from './checkpoint-write.js';
import * as sql from './checkpoint.sql.js';
import { WorkUnderWay } from './work-under-way.js';
import { conversationAfter, isConversation } from './conversation.js';
import { CLEARED, type HeldSession, type SessionRows } from './held-session.js';
import {
  MessagesGoneError,
  type DraftMessage,
  type MessageLog,
  type PlacedConversation,
} from './message-log.js';
import {
  countRows,
  isRun as isRunOfRows,
  MessageReference,
  rowsMissing,
  type Run,
} from './message-reference.js';
import { findRecorded } from './recorded-messages.js';
import type { SessionLeases } from './session-leases.js';
import { requireThreadId } from './thread-id.js';

/** What the checkpointer is made of. */
export interface CheckpointerParts {
  readonly database: Database;
  readonly log: MessageLog;
  readonly sessions: SessionRows;
  readonly leases: SessionLeases;
  readonly tenants: TenantContext;
  readonly audit: Pick<AuditLog, 'record'>;
}

/**
 * LangGraph's `PostgresSaver`, bound to the tenant in scope, with the messages kept in the message log: a
 * channel of messages holds a reference to rows instead of the messages themselves. Hand it to
 * `graph.compile({ checkpointer })`. A run that lost a race, or whose thread was cleared, is refused with
 * {@link SessionConflictError} where LangGraph's saver would drop what the other one wrote.
 */
export class TenantCheckpointer extends PostgresSaver {
  readonly #parts: CheckpointerParts;
  readonly #lineage = new CheckpointLineage();
  /** Checkpoints of this process that are being written, and what is being written for them, by id. */
  readonly #underWay = new WorkUnderWay();

  constructor(parts: CheckpointerParts) {
    super(parts.database.pool, undefined, { schema: 'checkpoints' });
    this.#parts = parts;
    this.serde = new CheckpointSerializer(this.serde);
  }

  /** The tables are made by our migrations; the role that serves requests may not create any. */
  override setup(): Promise<void> {
    return Promise.resolve();
  }

  /** The pool belongs to the application. */
  override end(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * The next whole number and a random fraction. LangGraph's own versions are whole numbers, so two
   * branches of a fork give the same version to different values, and the saver keeps only the first.
   */
  override getNextVersion(current: number | undefined): number {
    return Math.floor(current ?? 0) + 1 + Math.random();
  }

  /**
   * The checkpoint that is named, or the newest: the one that was written last, whatever the clocks of the
   * writers said. Messages that were appended from outside a graph become part of one first.
   * No thread named: no checkpoint, as LangGraph's conformance suite has it.
   */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const threadId = threadIdOf(config);
    if (threadId === undefined) return undefined;
    this.#lineage.requested(config);
    return this.#whole(async () => {
      const stored = this.#stored(config);
      const newest = isRoot(config) && checkpointIdOf(config) === undefined;
      let [tuple, session] = await Promise.all([super.getTuple(stored), this.#peek(threadId)]);
      if (newest && session?.isAhead) {
        await this.#checkpointAppended(threadId);
        session = await this.#peek(threadId);
      }
      if (newest && session?.headId && session.headId !== tuple?.checkpoint.id)
        tuple = await super.getTuple(at(stored, session.headId));
      if (tuple && newest && session?.laidOver) tuple = laidOver(tuple, session.sessionId, session.laidOver);
      const run = this.#lineage.runOf(config);
      if (run) run.sessionId ??= session?.sessionId;
      return tuple && this.#seen(tuple, session?.sessionId);
    });
  }

  /** Newest first. No thread named: all threads of the tenant, where LangGraph's saver lists everybody's. */
  override async *list(
    config: RunnableConfig,
    options?: CheckpointListOptions,
  ): AsyncGenerator<CheckpointTuple> {
    // NUL and half a character are errors of PostgreSQL's own otherwise.
    if (options?.filter) requireStorable(options.filter, 'filter');
    const threadId = threadIdOf(config);
    for (const thread of threadId === undefined ? await this.#threadsAhead() : [threadId])
      if ((await this.#peek(thread))?.isAhead) await this.#checkpointAppended(thread);
    const stored = threadId === undefined ? config : this.#stored(config);
    for await (const tuple of super.list(stored, options)) {
      const seen = await this.#seenIfThere(tuple);
      if (seen) yield seen;
    }
  }

  /** Every list is one of the tenant's, whatever else it asks for. */
  protected override _searchWhere(
    ...[config, filter, before]: Parameters<PostgresSaver['_searchWhere']>
  ): [string, unknown[]] {
    const [where, values] = super._searchWhere(config, filter, before);
    const ofTenant = `starts_with(thread_id, $${values.length + 1})`;
    return [
      where ? `${where} AND ${ofTenant}` : `WHERE ${ofTenant}`,
      [...values, threadKey(this.#tenant, '')],
    ];
  }

  /** @throws SessionConflictError when it would drop what somebody else wrote, or bring back what was cleared */
  override put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const isFork = metadata.source === 'fork' || this.#lineage.isFork(config);
    return this.#put({ config, checkpoint, metadata, newVersions, isFork });
  }

  /**
   * Writes a checkpoint of a thread that is being taken over from another saver: each goes on from the one
   * that it names, whichever was written last.
   */
  restore(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    return this.#put({ config, checkpoint, metadata, newVersions, isFork: true });
  }

  /** @throws SessionConflictError when the thread was cleared since its checkpoint was read or written */
  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    const checkpointId = checkpointIdOf(config);
    if (!checkpointId)
      throw new InvalidInputError([
        { field: 'checkpoint_id', message: 'names the checkpoint of the writes' },
      ]);
    await this.#underWay.track(checkpointId, this.#putWrites(config, checkpointId, writes, taskId));
  }

  async #putWrites(
    config: RunnableConfig,
    checkpointId: string,
    writes: PendingWrite[],
    taskId: string,
  ): Promise<void> {
    const { sessions, leases, database } = this.#parts;
    const threadId = threadIdOf(config);
    const key = this.#key(threadId);
    const run = this.#lineage.runOf(config);
    // As they are now: the graph goes on with the same objects, and gives ids to messages that have none.
    const drafts = writes.map(([channel, value]): PendingWrite => [channel, this.#short(value)]);
    const dump = (values: PendingWrite[]): ReturnType<PostgresSaver['_dumpWrites']> =>
      this._dumpWrites(key, namespaceOf(config), checkpointId, taskId, values);
    const [short, whole] = await Promise.all([dump(drafts), dump(writes)]);
    await database.unitOfWork(async () => {
      const kept = await sessions.keep(this.#tenant, threadId as string);
      const lease = leases.current(this.#tenant, threadId as string);
      const known = lease?.sessionId ?? run?.sessionId ?? this.#lineage.sessionOf(checkpointId);
      if (run?.refusal) throw run.refusal;
      if (known !== undefined && known !== kept) throw new SessionConflictError(CLEARED);
      if (!run || kept === undefined) await this.#requireNamed(config, threadId as string);
      const sessionId = kept ?? (await sessions.beginAndKeep(this.#tenant, threadId as string));
      const isOwn = drafts.every(([, value]) => !isForeign(value, sessionId));
      const named = drafts.flatMap(([, value]) => (value instanceof MessageReference ? value.runs : []));
      const rows = isOwn && (await this.#parts.log.hasAll(this.#tenant, sessionId, named)) ? short : whole;
      const isSpecial = writes.every(([channel]) => channel in WRITES_IDX_MAP);
      await database.query(isSpecial ? sql.REPLACE_WRITES : sql.KEEP_WRITES, [
        key,
        namespaceOf(config),
        checkpointId,
        taskId,
        rows.map((row) => row[4]),
        rows.map((row) => row[5]),
        rows.map((row) => row[6]),
        rows.map((row) => Buffer.from(row[7])),
      ]);
      run?.written.push({ checkpointId, taskId });
    });
    // Refused while this was under way, its run has deleted what it saw, and could not see this.
    if (!run?.refusal) return;
    await this.#dropLoose(run, key, config);
    throw run.refusal;
  }

  /** Ends the session, as `SessionStore.clearSession` does; no error when there is none. */
  override async deleteThread(threadId: string): Promise<void> {
    await this.clear(threadId);
  }

  /**
   * Ends a session: its messages and all checkpoints of the thread are gone.
   * @returns whether there was one
   */
  async clear(threadId: string): Promise<boolean> {
    const { database, sessions, leases, audit } = this.#parts;
    const key = this.#key(threadId);
    return database.unitOfWork(async () => {
      const wasThere = await sessions.end(this.#tenant, threadId);
      await super.deleteThread(key);
      if (wasThere)
        await audit.record({ action: 'session.clear', objectType: 'session', objectId: threadId });
      const lease = leases.current(this.#tenant, threadId);
      if (lease) await leases.resume(this.#tenant, threadId, lease);
      return wasThere;
    });
  }

  /**
   * Metadata is JSON in a column of its own, and is searched as such: it goes through no serializer.
   * @throws InvalidInputError when it is not JSON
   */
  protected override _dumpMetadata(metadata: CheckpointMetadata): Promise<unknown> {
    requireStorable(metadata, 'metadata');
    return Promise.resolve(parseJson(JSON.stringify(metadata)));
  }

  protected override _loadMetadata(metadata: Record<string, unknown>): Promise<unknown> {
    return Promise.resolve(metadata);
  }

  async #put(write: CheckpointWrite): Promise<RunnableConfig> {
    const key = this.#key(threadIdOf(write.config));
    // A run that writes at its end alone sends its last two checkpoints at once, and a checkpoint of a delta
    // channel is made of what was written for the one before.
    const before = this.#underWay.of(checkpointIdOf(write.config));
    const put = Promise.all([this.#prepare(key, write), before]).then(([prepared]) =>
      this.#write(key, write, prepared),
    );
    return this.#underWay.track(write.checkpoint.id, put);
  }

  async #write(key: string, write: CheckpointWrite, prepared: PreparedCheckpoint): Promise<RunnableConfig> {
    const { config, checkpoint } = write;
    const { database, sessions } = this.#parts;
    const threadId = threadIdOf(config);
    const run = this.#lineage.runOf(config);
    const keep = async (): Promise<void> => {
      const session = await sessions.hold(this.#tenant, threadId as string);
      if (run?.refusal) throw run.refusal;
      if ((run?.sessionId ?? session.sessionId) !== session.sessionId)
        throw new SessionConflictError(CLEARED);
      const { references, writes } = isRoot(config)
        ? await this.#keepRoot(session, write, prepared.drafts)
        : await this.#keepNested(session, write, prepared.drafts);
      // None depends on another, so all of them travel at once.
      await Promise.all([...writes.map((start) => start()), this.#save(key, prepared, references)]);
      database.afterCommit(() => {
        this.#lineage.belongs(checkpoint.id, session.sessionId);
        run?.put.add(checkpoint.id);
        if (run) run.sessionId = session.sessionId;
      });
    };
    try {
      // Those who wait for the session must know before they get it.
      await database.unitOfWork(() =>
        keep().catch((error: unknown) => {
          if (run && isRunRefusal(error)) run.refusal ??= error;
          throw error;
        }),
      );
      return at(config, checkpoint.id);
    } catch (error) {
      if (run?.refusal) await this.#dropLoose(run, key, config);
      throw error;
    }
  }

  /** Serialises a checkpoint as it is now, before any connection is taken: the graph goes on meanwhile. */
  async #prepare(key: string, write: CheckpointWrite): Promise<PreparedCheckpoint> {
    const { config, checkpoint, newVersions } = write;
    const drafts = new Map<string, ChannelDraft>();
    if (isRoot(config) && isDelta(write)) drafts.set(MESSAGES, { messages: [], shape: 'delta' });
    for (const channel of Object.keys(newVersions)) {
      const value = checkpoint.channel_values[channel];
      const isSnapshot = isDeltaSnapshot(value);
      const messages: unknown = isSnapshot ? value.value : value;
      if (!isConversation(messages)) continue;
      if (messages.length === 0 && !(isRoot(config) && channel === MESSAGES)) continue;
      const shape = isSnapshot ? 'snapshot' : 'list';
      drafts.set(channel, { messages: this.#parts.log.draft(messages), shape });
    }
    const otherVersions = Object.fromEntries(
      Object.entries(newVersions).filter(([channel]) => !drafts.has(channel)),
    );
    const [blobs, metadata] = await Promise.all([
      this._dumpBlobs(key, namespaceOf(config), checkpoint.channel_values, otherVersions),
      this._dumpMetadata(write.metadata),
    ]);
    return { write, drafts, blobs, metadata, checkpoint: this._dumpCheckpoint(checkpoint) };
  }

  /** Makes the conversation of a checkpoint that of the thread. */
  async #keepRoot(held: HeldSession, write: CheckpointWrite, drafts: ChannelDrafts): Promise<KeptCheckpoint> {
    const { sessions, log, audit } = this.#parts;
    const { session, goesOn } = await this.#position(held, write);
    const { sessionId, liveRuns, threadId } = session;
    const draft = drafts.get(MESSAGES);
    const conversation =
      draft?.shape === 'delta' ? await this.#delta(session, write, goesOn) : draft?.messages;
    let placed: PlacedConversation | undefined;
    if (conversation) placed = await log.place(session, conversation);
    else if (!goesOn) {
      const runs = await this.#conversationBefore(session, write);
      placed = { runs, write: () => log.showOnly(session, runs) };
    }
    const runs = placed?.runs ?? liveRuns;
    if (!goesOn && !write.isFork && rowsMissing(liveRuns, runs).length > 0)
      throw new SessionConflictError(OVERTAKEN);
    if (conversation) requireLaidOver(session, runs);
    const references = await this.#referAside(session, write, drafts);
    if (draft) {
      const shape = draft.shape === 'list' ? 'list' : 'snapshot';
      references.set(MESSAGES, new MessageReference(sessionId, runs, shape));
    }
    const { id } = write.checkpoint;
    if (JSON.stringify(runs) === JSON.stringify(liveRuns)) {
      const saveHead = (): Promise<void> => sessions.saveHead(session, id, conversation !== undefined);
      return { references, writes: [() => placed?.write(), saveHead] };
    }
    const entry = { action: 'session.write', objectType: 'session', objectId: threadId } as const;
    const details = { version: session.version + 1, messageCount: countRows(runs) };
    return {
      references,
      writes: [
        () => placed?.write(),
        () => sessions.saveConversation(session, id, runs),
        () => audit.record({ ...entry, details }),
      ],
    };
  }

  /**
   * Finds whether a write goes on from the newest checkpoint, as it must unless it means to go on from an
   * older one. Called by hand, the saver takes writes that name no parent; these must only drop no message.
   */
  async #position(
    session: HeldSession,
    { config, isFork }: CheckpointWrite,
  ): Promise<{ session: HeldSession; goesOn: boolean }> {
    const parent = checkpointIdOf(config);
    const isAhead = session.lastSeq > session.checkpointedSeq;
    if (parent === (session.headId ?? undefined) && !isAhead) return { session, goesOn: true };
    await this.#requireParent(session, config);
    if (isFork) {
      // What no checkpoint holds yet would be out of reach otherwise.
      const isLoose = isAhead || session.laidOverAfter !== null;
      return { session: isLoose ? await this.#putAppended(session) : session, goesOn: false };
    }
    if (isAhead || isRun(config)) throw new SessionConflictError(OVERTAKEN);
    return { session, goesOn: false };
  }

  /** @throws SessionConflictError when the checkpoint that a write goes on from is gone */
  async #requireParent(session: HeldSession, config: RunnableConfig): Promise<void> {
    const parent = checkpointIdOf(config);
    if (parent === undefined || parent === session.headId) return;
    const [found] = await this.#parts.database.query<{ exists: boolean }>(sql.CHECKPOINT_EXISTS, [
      this.#key(session.threadId),
      namespaceOf(config),
      parent,
    ]);
    if (!found?.exists) throw new SessionConflictError(CLEARED);
  }

  /**
   * The conversation after a step of a delta channel (`MessagesDeltaValue`), of whose checkpoints LangGraph
   * stores what changed alone and has to read them all to know the rest. Here each refers to the whole.
   */
  async #delta(session: HeldSession, write: CheckpointWrite, goesOn: boolean): Promise<DraftMessage[]> {
    const { log, database } = this.#parts;
    const before = goesOn ? session.liveRuns : await this.#conversationBefore(session, write);
    const rows = await database.query<{ type: string; blob: Buffer }>(sql.FIND_WRITES, [
      this.#key(session.threadId),
      namespaceOf(write.config),
      checkpointIdOf(write.config) ?? '',
      MESSAGES,
    ]);
    const writes = await Promise.all(
      rows.map(async ({ type, blob }) => this.#resolved(await this.serde.loadsTyped(type, blob))),
    );
    const messages = await log.resolve(session.tenantId, session.sessionId, before);
    return log.draft(conversationAfter(messages, writes));
  }

  /** The messages of the checkpoint that a write goes on from, which did not change them. */
  async #conversationBefore(
    session: HeldSession,
    { config, checkpoint }: CheckpointWrite,
  ): Promise<readonly Run[]> {
    const version = checkpoint.channel_versions[MESSAGES];
    if (version === undefined) return [];
    const [blob] = await this.#parts.database.query<{ type: string; blob: Buffer | null }>(sql.FIND_BLOB, [
      this.#key(session.threadId),
      namespaceOf(config),
      MESSAGES,
      String(version),
    ]);
    const value: unknown = blob?.blob && (await this.serde.loadsTyped(blob.type, blob.blob));
    return value instanceof MessageReference ? value.runs : session.liveRuns;
  }

  /** A subgraph's checkpoint: of the session in which its graph began, and nothing but that is asked. */
  async #keepNested(
    session: HeldSession,
    write: CheckpointWrite,
    drafts: ChannelDrafts,
  ): Promise<KeptCheckpoint> {
    const { config, metadata } = write;
    const above = Object.values(metadata.parents).map((id) => this.#lineage.sessionOf(id));
    if (above.some((sessionId) => sessionId !== undefined && sessionId !== session.sessionId))
      throw new SessionConflictError(CLEARED);
    await this.#requireParent(session, config);
    return { references: await this.#referAside(session, write, drafts), writes: [] };
  }

  /** Writes the messages of all channels but the conversation's. */
  async #referAside(
    session: HeldSession,
    { config }: CheckpointWrite,
    drafts: ChannelDrafts,
  ): Promise<References> {
    const references: References = new Map();
    for (const [channel, { messages, shape }] of drafts) {
      if ((isRoot(config) && channel === MESSAGES) || shape === 'delta') continue;
      const namespace = `${channel}@${namespaceOf(config)}`;
      const rows = await this.#parts.log.recordAside(session, namespace, messages);
      references.set(channel, MessageReference.of(session.sessionId, rows, shape));
    }
    return references;
  }

  async #save(key: string, prepared: PreparedCheckpoint, references: References): Promise<void> {
    const { database } = this.#parts;
    const { write, blobs, checkpoint, metadata } = prepared;
    const { config, newVersions } = write;
    const namespace = namespaceOf(config);
    const versions = Object.fromEntries(
      Object.entries(newVersions).filter(([channel]) => references.has(channel)),
    );
    const all = [
      ...blobs,
      ...(await this._dumpBlobs(key, namespace, Object.fromEntries(references), versions)),
    ];
    await Promise.all([
      all.length > 0 &&
        database.query(sql.INSERT_BLOBS, [
          key,
          namespace,
          all.map((blob) => blob[2]),
          all.map((blob) => blob[3]),
          all.map((blob) => blob[4]),
          all.map((blob) => (blob[5] ? Buffer.from(blob[5]) : null)),
        ]),
      database.query(sql.SAVE_CHECKPOINT, [
        key,
        namespace,
        write.checkpoint.id,
        checkpointIdOf(config) ?? null,
        checkpoint,
        metadata,
      ]),
    ]);
  }

  /**
   * Makes what was appended from outside a graph part of what its next run begins with: in a checkpoint of its
   * own or, where tasks of the newest one wait for an answer or for another attempt, shown with that. Another
   * checkpoint would make them begin anew, since LangGraph derives their ids from it.
   */
  async #checkpointAppended(threadId: string): Promise<void> {
    const { database, sessions } = this.#parts;
    await database.unitOfWork(async () => {
      // Whoever has the thread for himself finds the messages either way.
      const session = await sessions.hold(this.#tenant, threadId, { evenIfTaken: true });
      if (session.lastSeq === session.checkpointedSeq) return;
      const head = await this.#head(session);
      if (head?.pendingWrites?.length) await sessions.layOver(session);
      else await this.#putAppended(session, head);
    });
  }

  async #head({ threadId, headId }: HeldSession): Promise<CheckpointTuple | undefined> {
    const root = this.#stored({ configurable: { thread_id: threadId, checkpoint_ns: '' } });
    return headId === null ? undefined : super.getTuple(at(root, headId));
  }

  async #putAppended(session: HeldSession, known?: CheckpointTuple): Promise<HeldSession> {
    const stored = this.#stored({ configurable: { thread_id: session.threadId, checkpoint_ns: '' } });
    const head = known ?? (await this.#head(session));
    const base = head ? copyCheckpoint(head.checkpoint) : emptyCheckpoint();
    const step = (head?.metadata?.step ?? -2) + 1;
    const version = this.getNextVersion(newest(base.channel_versions));
    const checkpoint: Checkpoint = {
      ...base,
      id: uuid6(step),
      ts: new Date().toISOString(),
      channel_versions: { ...base.channel_versions, [MESSAGES]: version },
    };
    const newVersions = { [MESSAGES]: version };
    const metadata: CheckpointMetadata = { source: 'update', step, parents: {} };
    const write = { config: head?.config ?? stored, checkpoint, metadata, newVersions, isFork: false };
    const prepared = {
      write,
      drafts: new Map(),
      blobs: [],
      checkpoint: this._dumpCheckpoint(checkpoint),
      metadata: await this._dumpMetadata(metadata),
    };
    const value = head?.checkpoint.channel_values[MESSAGES];
    const shape = value instanceof MessageReference ? value.shape : 'list';
    const reference = new MessageReference(session.sessionId, session.liveRuns, shape);
    await Promise.all([
      this.#save(this.#key(session.threadId), prepared, new Map([[MESSAGES, reference]])),
      this.#parts.sessions.saveCheckpointed(session, checkpoint.id),
    ]);
    return {
      ...session,
      headId: checkpoint.id,
      runs: session.liveRuns,
      checkpointedSeq: session.lastSeq,
      laidOverAfter: null,
    };
  }

  /** What a task wrote, with references in the place of the messages that a log holds already. */
  #short(value: unknown): unknown {
    if (!isConversation(value)) return value;
    const places = value.map((message) => findRecorded(message));
    const sessionId = places.find((place) => place)?.sessionId;
    if (sessionId === undefined) return value;
    const rows = value.map((message, index) => {
      const place = places[index];
      return place?.sessionId === sessionId ? place.row : message;
    });
    return MessageReference.of(sessionId, rows);
  }

  /** What the tasks of a refused run wrote for checkpoints that it has not put is of no use to anybody. */
  async #dropLoose(run: GraphRun, key: string, config: RunnableConfig): Promise<void> {
    const loose = run.written.filter(({ checkpointId }) => !run.put.has(checkpointId));
    if (loose.length === 0) return;
    await this.#parts.database.query(sql.DELETE_WRITES, [
      key,
      namespaceOf(config),
      loose.map(({ checkpointId }) => checkpointId),
      loose.map(({ taskId }) => taskId),
    ]);
  }

  /**
   * A run writes for checkpoints that it is yet to put; but what it was told to go on from has to be there, and
   * so has the checkpoint of writes that come by hand.
   * @throws SessionConflictError when it is not
   */
  async #requireNamed(config: RunnableConfig, threadId: string): Promise<void> {
    const named = isRun(config)
      ? (config.metadata?.['checkpoint_id'] as string | undefined)
      : checkpointIdOf(config);
    if (named === undefined) return;
    const [found] = await this.#parts.database.query<{ exists: boolean }>(sql.CHECKPOINT_EXISTS, [
      this.#key(threadId),
      namespaceOf(config),
      named,
    ]);
    if (!found?.exists) throw new SessionConflictError(CLEARED);
  }

  /** Reads again when the thread was cleared or pruned between a checkpoint and its messages. */
  async #whole<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof MessagesGoneError || error instanceof SessionConflictError)) throw error;
      return read();
    }
  }

  /** A tuple of a list, or undefined when it was cleared or pruned since it was read. */
  async #seenIfThere(tuple: CheckpointTuple): Promise<CheckpointTuple | undefined> {
    try {
      return await this.#seen(tuple);
    } catch (error) {
      if (!(error instanceof MessagesGoneError) || (await super.getTuple(tuple.config))) throw error;
      return undefined;
    }
  }

  /** A stored tuple as the tenant sees it: its own thread id, its messages themselves. */
  async #seen(tuple: CheckpointTuple, sessionId?: string): Promise<CheckpointTuple> {
    if (sessionId !== undefined) this.#lineage.belongs(tuple.checkpoint.id, sessionId);
    const channels = Object.entries(tuple.checkpoint.channel_values);
    const [values, pendingWrites] = await Promise.all([
      Promise.all(channels.map(async ([channel, value]) => [channel, await this.#resolved(value)] as const)),
      tuple.pendingWrites &&
        Promise.all(
          tuple.pendingWrites.map(async ([task, channel, value]): Promise<CheckpointPendingWrite> => [
            task,
            channel,
            await this.#resolved(value),
          ]),
        ),
    ]);
    return {
      ...tuple,
      checkpoint: { ...tuple.checkpoint, channel_values: Object.fromEntries(values) },
      config: this.#named(tuple.config),
      ...(tuple.parentConfig && { parentConfig: this.#named(tuple.parentConfig) }),
      ...(pendingWrites && { pendingWrites }),
    };
  }

  /** Messages in the place of a reference to them; any other value as it is. */
  async #resolved(value: unknown): Promise<unknown> {
    if (!(value instanceof MessageReference)) return value;
    const rows = await this.#parts.log.resolve(this.#tenant, value.sessionId, value.runs);
    let next = 0;
    const messages = value.parts.flatMap((part): readonly BaseMessage[] => {
      if (!isRunOfRows(part)) return part.inline;
      const [first, last] = part;
      return rows.slice(next, (next += last - first + 1));
    });
    return value.shape === 'snapshot' ? new DeltaSnapshot(messages) : messages;
  }

  #peek(threadId: string): ReturnType<SessionRows['peek']> {
    requireThreadId(threadId, 'thread_id');
    return this.#parts.sessions.peek(this.#tenant, threadId);
  }

  async #threadsAhead(): Promise<string[]> {
    const rows = await this.#parts.database.query<{ threadId: string }>(sql.THREADS_AHEAD, [this.#tenant]);
    return rows.map(({ threadId }) => threadId);
  }

  get #tenant(): string {
    return this.#parts.tenants.require();
  }

  #stored(config: RunnableConfig): RunnableConfig {
    return { ...config, configurable: { ...config.configurable, thread_id: this.#key(threadIdOf(config)) } };
  }

  #named(config: RunnableConfig): RunnableConfig {
    const key = config.configurable?.['thread_id'] as string;
    const thread_id = threadOf(this.#tenant, key);
    if (thread_id === undefined) throw new Error('A checkpoint of another tenant was read.');
    return { ...config, configurable: { ...config.configurable, thread_id } };
  }

  #key(threadId: string | undefined): string {
    const tenantId = this.#tenant;
    requireThreadId(threadId, 'thread_id');
    return threadKey(tenantId, threadId);
  }
}
