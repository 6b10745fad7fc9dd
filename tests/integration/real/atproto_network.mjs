// A whole AT Protocol network on this machine. It says where it is in one line of JSON, indexes all that was
// written when it reads a line, and ends when its input does.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// The packages lie in the folder that this is started in.
const here = createRequire(pathToFileURL(`${process.cwd()}/`))
const { TestNetwork } = await import(pathToFileURL(here.resolve('@atproto/dev-env')).href)

const network = await TestNetwork.create({ dbPostgresSchema: 'stature' })
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)
say({ pds: network.pds.url, appview: network.bsky.url })
for await (const _ of createInterface({ input: process.stdin })) {
  await network.processAll()
  say({ processed: true })
}
await network.close()
process.exit(0)
