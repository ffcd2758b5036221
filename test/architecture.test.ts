import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

const sources = ['bin', 'lib', 'functions'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'))
    .map((file) => join(folder, file)),
)

const importsOf = (file: string): readonly string[] => {
  const text = readFileSync(join(root, file), 'utf8')
  // Only import statements, not any text that contains "from".
  const statements =
    /^(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm
  const found = [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
  return found.map((target) =>
    target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target,
  )
}

/** What infrastructure and runtime share. */
const CONTRACT = /^functions\/contract(\.ts$|\/)/

/** From a place to the places it may import; third-party packages are named without a slash rule by `packages`. */
const ARROWS: readonly {
  readonly from: RegExp
  readonly to: readonly RegExp[]
  /** Packages allowed; `any` leaves them free. */
  readonly packages: readonly RegExp[] | 'any'
}[] = [
  { from: /^functions\/(contract|metrics)\.ts$|^functions\/contract\//, to: [CONTRACT], packages: [] },
  {
    from: /^functions\/core\/domain\//,
    to: [/^functions\/core\/domain\//, CONTRACT],
    packages: [],
  },
  {
    from: /^functions\/core\/ports\//,
    to: [/^functions\/core\/(domain|ports)\//, CONTRACT],
    packages: [],
  },
  {
    from: /^functions\/core\/application\//,
    to: [/^functions\/core\/(domain|ports|application)\//, CONTRACT],
    packages: [],
  },
  {
    from: /^functions\/core\/kit\//,
    to: [/^functions\/core\/(domain|ports|kit)\//, CONTRACT],
    packages: [/^zod$/],
  },
  {
    from: /^functions\/tasks\/[^/]+\//,
    to: [/^functions\/core\/kit\//, /^functions\/tasks\//],
    packages: 'any',
  },
  {
    from: /^functions\/(api|workers|ops)\//,
    to: [
      /^functions\/(api|workers|ops|hosts|tasks)\//,
      /^functions\/core\/(application|domain|ports)\//,
      CONTRACT,
    ],
    packages: [/^zod$/, /^@middy\/core$/, /^aws-lambda$/, /^@modelcontextprotocol\/server$/, /^node:/],
  },
  {
    // Types only: test/unit/client.test.ts bundles the client and finds no code of functions/ in it.
    from: /^lib\/client\//,
    to: [
      /^lib\/client\//,
      /^functions\/api\/(define-route|routes\.gen)\.ts$/,
      /^functions\/tasks\/registry\.gen\.ts$/,
    ],
    packages: [/^zod$/],
  },
  // The local runtime runs any product of these resources. It gets the facts of this product as one object.
  {
    from: /^lib\/local\/product\.ts$/,
    to: [],
    packages: [],
  },
  {
    from: /^lib\/local\/emulator\//,
    to: [/^lib\/local\/emulator\//],
    packages: 'any',
  },
  {
    from: /^lib\/local\/cloudwatch\//,
    to: [
      /^lib\/local\/cloudwatch\//,
      /^lib\/local\/product\.ts$/,
      // The product's resources, metrics and events.
      /^lib\/local\/emulator\/(template\/plan|services\/orders|observer|replace-file)\.ts$/,
    ],
    packages: [/^(jsep|marked)$/, /^node:/],
  },
  {
    from: /^lib\/local\/(console\/|runtime\.ts$)/,
    to: [/^lib\/local\//],
    packages: 'any',
  },
  {
    from: /^lib\/(?!client\/|local\/)/,
    to: [
      /^lib\//,
      CONTRACT,
      /^functions\/metrics\.ts$/,
      // Names of models, to compute the cost of metrics.
      /^functions\/core\/domain\/cost\.ts$/,
      /^functions\/core\/domain\/nearest-name\.ts$/,
      /^functions\/tasks\/manifest\.gen\.json$/,
      /^functions\/api\/routes\.gen\.json$/,
    ],
    packages: 'any',
  },
  {
    from: /^bin\//,
    to: [
      /^bin\//,
      /^lib\//,
      CONTRACT,
      /^functions\/api\/schemas\//,
      // The generator reads what routes declare.
      /^functions\/api\/define-route\.ts$/,
      /^functions\/tasks\//,
      /^functions\/core\/kit\//,
      /^functions\/core\/domain\/(nearest-name|prices)\.ts$/,
      // The code that a rehearsal runs.
      /^functions\/hosts\/rehearse\.ts$/,
    ],
    packages: 'any',
  },
]

describe('the imports between folders', () => {
  for (const { from, to, packages } of ARROWS)
    it(`${from.source} imports only what it may`, () => {
      const wrong = sources
        .filter((file) => from.test(file))
        .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
        .filter(({ target }) => {
          const isOurs = /^(bin|lib|functions|test)\//.test(target)
          if (isOurs) return !to.some((place) => place.test(target))
          return packages !== 'any' && !packages.some((name) => name.test(target))
        })
      expect(wrong).toEqual([])
    })

  it('an adapter imports from another adapter’s folder only what all AWS adapters share, and no use case', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/core/adapters/'))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ file, target }) => {
        if (target.startsWith('functions/core/application/')) return true
        if (target.startsWith('functions/core/adapters/aws/')) return false
        const own = file.split('/')[3]
        return target.startsWith('functions/core/adapters/') && target.split('/')[3] !== own
      })
    expect(wrong).toEqual([])
  })

  const OUTSIDE_AWS: Readonly<Record<string, RegExp>> = {
    dynamodb: /^@aws-sdk\/(client-dynamodb|lib-dynamodb|util-dynamodb)$/,
    sqs: /^@aws-sdk\/client-sqs$/,
    s3: /^@aws-sdk\/(client-s3|s3-request-presigner)$/,
    ssm: /^@aws-sdk\/client-ssm$/,
    ses: /^@aws-sdk\/client-sesv2$/,
    lambda: /^@aws-sdk\/client-lambda$/,
  }
  it('an adapter of one service uses no other service’s client', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/core/adapters/'))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => target.startsWith('@aws-sdk/'))
      .filter(({ file, target }) => {
        const own = OUTSIDE_AWS[file.split('/')[3] ?? '']
        return own !== undefined && !own.test(target)
      })
    expect(wrong).toEqual([])
  })

  it('a host imports use cases, adapters, tasks and the contract, never a route or a worker', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/hosts/'))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(
        ({ target }) => /^functions\/(api|workers|ops)\//.test(target) || /^(lib|bin|test)\//.test(target),
      )
    expect(wrong).toEqual([])
  })

  it('only hosts choose adapters', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/') && !/^functions\/(hosts|core\/adapters)\//.test(file))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => target.startsWith('functions/core/adapters/'))
    expect(wrong).toEqual([])
  })

  it('no function reads the environment except the two that may', () => {
    const readers = sources.filter(
      (file) => file.startsWith('functions/') && /process\.env/.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(readers).toEqual(['functions/hosts/config.ts'])
  })

  it('the domain has no clock, no random numbers and no environment of its own', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/core/domain/'))
      .filter((file) =>
        /Date\.now\(|new Date\(\)|Math\.random\(|process\./.test(readFileSync(join(root, file), 'utf8')),
      )
    expect(wrong).toEqual([])
  })

  it('zod is imported as a namespace in deployed code: the named import adds 350 kB of locales', () => {
    const wrong = sources
      .filter((file) => file.startsWith('functions/'))
      .filter((file) =>
        /import\s+(type\s+)?\{[^}]*\}\s+from 'zod'/.test(readFileSync(join(root, file), 'utf8')),
      )
    expect(wrong).toEqual([])
  })
})
