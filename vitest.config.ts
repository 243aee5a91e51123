import { defineConfig } from 'vitest/config'

const source = (path: string): string => new URL(`./src/${path}`, import.meta.url).pathname

const config: ReturnType<typeof defineConfig> = defineConfig({
  // Examples import the package by its name, as users do.
  resolve: {
    alias: [
      { find: /^zeroid-gate$/, replacement: source('index.ts') },
      { find: /^zeroid-gate\/emulator$/, replacement: source('emulator/index.ts') },
      { find: /^zeroid-gate\/(\w+)$/, replacement: source('adapters/$1.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    // Two cores: more workers only make real sockets wait for each other.
    maxWorkers: 2,
    testTimeout: 20_000,
    coverage: { provider: 'v8', include: ['src/**'] },
  },
})

export default config
