/**
 * Preloaded into every measured process, the built program included (hence plain JavaScript):
 * tells the parent what the process has used so far. CPU time is the operating system's figure for
 * the whole process, all threads, in microseconds.
 */

function memory() {
  // Twice: what the first run finalizes, the second frees.
  globalThis.gc?.()
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  // `external` holds the array buffers as well.
  return { rss, heapUsed, external }
}

function cpu() {
  const { user, system } = process.cpuUsage()
  return user + system
}

const answers = { cpu, memory }

process.on('message', ({ id, ask }) => {
  const answer = answers[ask]
  if (answer !== undefined) process.send({ id, value: answer() })
})
process.on('disconnect', () => process.exit())
process.channel.unref()
