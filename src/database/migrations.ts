import { AuditLog1795132800005 } from '../../migrations/1795132800005-audit-log.js';
import { Checkpoints1795132800002 } from '../../migrations/1795132800002-checkpoints.js';
import { ContextReceipts1795132800012 } from '../../migrations/1795132800012-context-receipts.js';
import { IdempotencyKeys1795132800007 } from '../../migrations/1795132800007-idempotency-keys.js';
import { Memories1795132800000 } from '../../migrations/1795132800000-memories.js';
import { PendingEmbeddings1795132800013 } from '../../migrations/1795132800013-pending-embeddings.js';
import { VectorSpaces1795132800014 } from '../../migrations/1795132800014-vector-spaces.js';
import { RateBuckets1795132800015 } from '../../migrations/1795132800015-rate-buckets.js';
import { WholeToolCalls1795132800016 } from '../../migrations/1795132800016-whole-tool-calls.js';
import { Recall1795132800008 } from '../../migrations/1795132800008-recall.js';
import { RecallMessages1795132800009 } from '../../migrations/1795132800009-recall-messages.js';
import { RecentMessages1795132800010 } from '../../migrations/1795132800010-recent-messages.js';
import { RowLevelSecurity1795132800003 } from '../../migrations/1795132800003-row-level-security.js';
import { SessionLog1795132800006 } from '../../migrations/1795132800006-session-log.js';
import { SessionSummaries1795132800011 } from '../../migrations/1795132800011-session-summaries.js';
import { Sessions1795132800001 } from '../../migrations/1795132800001-sessions.js';
import { TenantsAndApiKeys1795132800004 } from '../../migrations/1795132800004-tenants-and-api-keys.js';

/** Every migration, oldest first. A test compares this list with the folder. */
export const migrations = [
  Memories1795132800000,
  Sessions1795132800001,
  Checkpoints1795132800002,
  RowLevelSecurity1795132800003,
  TenantsAndApiKeys1795132800004,
  AuditLog1795132800005,
  SessionLog1795132800006,
  IdempotencyKeys1795132800007,
  Recall1795132800008,
  RecallMessages1795132800009,
  RecentMessages1795132800010,
  SessionSummaries1795132800011,
  ContextReceipts1795132800012,
  PendingEmbeddings1795132800013,
  VectorSpaces1795132800014,
  RateBuckets1795132800015,
  WholeToolCalls1795132800016,
];
