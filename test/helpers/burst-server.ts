import { startEmulator } from '../../src/emulator/index.ts'

const zeroid = await startEmulator({ streamQueue: 1_000_000 })
const agents = await Promise.all(
  Array.from({ length: Number(process.argv[2]) }, () => zeroid.agent()),
)
const iat = Math.floor(Date.now() / 1000) - 60
const victims = await Promise.all(agents.map((agent) => zeroid.mint({ agent, iat })))
const bystander = await zeroid.mint({ iat })

process.on('message', async (signals: number) => {
  const work: Promise<unknown>[] = []
  for (let signal = 0; signal < signals; signal++) {
    const agent = agents[signal % agents.length]
    if (agent !== undefined) work.push(zeroid.signal({ agent }))
  }
  await Promise.all(work)
  process.send?.('sent')
})
process.on('disconnect', () => process.exit())
process.send?.({ url: zeroid.url, victims, bystander })
