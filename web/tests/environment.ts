import { builtinEnvironments, type Environment } from 'vitest/runtime'

/** Node, but with modules made as for a browser: Svelte made for a server has no effects, and stores have some. */
export default {
  ...builtinEnvironments.node,
  name: 'browser modules in node',
  viteEnvironment: 'client',
} satisfies Environment
