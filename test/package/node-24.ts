import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../packages/node_modules/', import.meta.url))
const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]

/** The oldest Node.js that what is published promises to run on; put there by `npm run test:setup`. */
export const node24 =
  names.map((name) => `${packages}${name}/bin/node`).find((file) => existsSync(file)) ??
  `${packages}${names[0]}/bin/node`
