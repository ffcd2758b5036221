import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

export interface TemplateResource {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
}

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>
  readonly Outputs?: Readonly<
    Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
  >
}

export interface AssembledStack {
  readonly stackName: string
  readonly template: Template
}

export interface Assembly {
  /** In the order of their deployment. */
  readonly stacks: readonly AssembledStack[]
  /** Object key in the assets bucket → folder on this machine. */
  readonly assets: ReadonlyMap<string, string>
}

interface Manifest {
  readonly artifacts: Readonly<Record<string, Artifact>>
}

interface Artifact {
  readonly type: string
  readonly dependencies?: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

interface AssetManifest {
  readonly files: Readonly<
    Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>
  >
}

/**
 * Reads a synthesized cloud assembly: templates and assets of all stacks, including those of nested stages.
 *
 * @throws Error when there is none.
 */
export async function readAssembly(directory: string): Promise<Assembly> {
  const manifest = await readJson<Manifest>(join(directory, 'manifest.json'))
  const stacks: AssembledStack[] = []
  const assets = new Map<string, string>()
  for (const { type, properties = {} } of inOrder(manifest)) {
    if (type === 'cdk:cloud-assembly' && properties.directoryName) {
      const nested = await readAssembly(join(directory, properties.directoryName))
      stacks.push(...nested.stacks)
      for (const [key, path] of nested.assets) assets.set(key, path)
    }
    if (type === 'aws:cloudformation:stack' && properties.templateFile)
      stacks.push({
        stackName: properties.stackName ?? '',
        template: await readJson<Template>(join(directory, properties.templateFile)),
      })
    if (type === 'cdk:asset-manifest' && properties.file) {
      const file = join(directory, properties.file)
      const { files } = await readJson<AssetManifest>(file)
      for (const { source, destinations } of Object.values(files))
        for (const { objectKey } of Object.values(destinations))
          assets.set(objectKey, resolve(dirname(file), source.path))
    }
  }
  return { stacks, assets }
}

/** Each artifact after those it depends on. */
function inOrder({ artifacts }: Manifest): Artifact[] {
  const ordered = new Map<string, Artifact>()
  const visit = (name: string): void => {
    const artifact = artifacts[name]
    if (!artifact || ordered.has(name)) return
    for (const dependency of artifact.dependencies ?? []) visit(dependency)
    ordered.set(name, artifact)
  }
  for (const name of Object.keys(artifacts)) visit(name)
  return [...ordered.values()]
}

async function readJson<Shape>(path: string): Promise<Shape> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new Error(`There is no synthesized template at ${path}.`, { cause })
  })
  try {
    return JSON.parse(text) as Shape
  } catch (cause) {
    throw new Error(
      `${path} is damaged (${(cause as Error).message}). Delete the folder ${dirname(path)} and start again: it is made anew.`,
      { cause },
    )
  }
}
