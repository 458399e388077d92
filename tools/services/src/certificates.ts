import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from './install/program.ts'
import type { KeyPair } from './tls-files.ts'

/** Paths of PEM files. */
export interface Certificates {
  /** The certificate of the authority that signed the others. */
  readonly ca: string
  /** For `localhost`, 127.0.0.1 and ::1. */
  readonly server: KeyPair
  /** Its common name is `client`. */
  readonly client: KeyPair
}

const execute = promisify(execFile)

/**
 * Makes an authority of its own with a certificate for a server and one for a client, valid for two days. Another call makes another authority, which the
 * first does not know. With `openssl`, which nearly every system has and Debian brings: the one tool that all TLS here is checked against anyway.
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const openssl = await program('openssl', 'openssl')
  await mkdir(folder, { recursive: true })
  const file = (name: string): string => join(folder, name)
  const run = (...args: string[]): Promise<unknown> => execute(openssl, args, { cwd: folder })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  await writeFile(file('ca.conf'), authorityConfig)
  const authority = [...newKey, '-config', file('ca.conf'), '-keyout', file('ca.key'), '-out', file('ca.crt')]
  await run('req', '-x509', '-days', '2', '-sha256', ...authority)

  const sign = async (name: string, extensions: string): Promise<KeyPair> => {
    const pair = { cert: file(`${name}.crt`), key: file(`${name}.key`) }
    const request = file(`${name}.csr`)
    const config = file(`${name}.conf`)
    await writeFile(
      config,
      `[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = ${name}\n[v3]\n${extensions}`,
    )
    await run('req', ...newKey, '-config', config, '-keyout', pair.key, '-out', request)
    const by = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-set_serial', `0x${serial()}`]
    const as = ['-extfile', config, '-extensions', 'v3', '-out', pair.cert]
    await run('x509', '-req', '-days', '2', '-sha256', '-in', request, ...by, ...as)
    await Promise.all([request, config].map((path) => rm(path)))
    return pair
  }
  const [server, client] = await Promise.all([
    sign('localhost', serverExtensions),
    sign('client', clientExtensions),
  ])
  await rm(file('ca.conf'))
  return { ca: file('ca.crt'), server, client }
}

function serial(): string {
  return Array.from({ length: 15 }, () => Math.floor(Math.random() * 16).toString(16)).join('') + '1'
}

const authorityConfig = `[req]
distinguished_name = name
prompt = no
x509_extensions = v3
[name]
CN = Aether test authority
[v3]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`

// Nodes of a Redis Cluster show the same certificate to each other, as servers and as clients.
const serverExtensions = `basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
`

const clientExtensions = `basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
`
