import pg from 'pg';

/**
 * A client of a server, whose sessions write dates in the one form that node-postgres reads in full: of another one,
 * which a role or a database may have set, it makes null. It asks when it connects, which costs no round trip; a pooler
 * of transactions keeps to that in each of them (PgBouncer does so for this parameter).
 */
export class SessionClient extends pg.Client {
  /** The parameters of the start-up message, which the types of node-postgres leave out. */
  getStartupConf(): Record<string, string> {
    const inherited = pg.Client.prototype as unknown as { getStartupConf(): Record<string, string> };
    return { ...inherited.getStartupConf.call(this), DateStyle: 'ISO, MDY' };
  }
}
