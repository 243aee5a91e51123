import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settingsMarkdown } from '../../src/commands/help.ts'
import { settingsTable } from '../../src/config/table.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const shown = /<!-- settings -->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readme)?.[1]?.trim()

test('the README shows the table of settings as it is', () => {
  expect(shown).toBe(settingsMarkdown().trim())
})

test('the table names every setting', () => {
  for (const { env } of settingsTable) expect(shown).toContain(`\`${env}\``)
})
