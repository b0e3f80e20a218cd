import { Checkpoints1795132800002 } from '../../migrations/1795132800002-checkpoints.js';
import { Memories1795132800000 } from '../../migrations/1795132800000-memories.js';
import { Sessions1795132800001 } from '../../migrations/1795132800001-sessions.js';

/** Every migration, oldest first. A test compares this list with the folder. */
export const migrations = [Memories1795132800000, Sessions1795132800001, Checkpoints1795132800002];
