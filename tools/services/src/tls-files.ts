/** Paths of PEM files. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** What a server shows, and whom it believes. */
export interface ServerTls extends KeyPair {
  /** The authority whose client certificates are accepted. */
  readonly ca: string
  /** Refuses clients without a certificate of `ca`. @default false */
  readonly clientAuth?: boolean
}
