export * from './memory-entry.entity.js';
