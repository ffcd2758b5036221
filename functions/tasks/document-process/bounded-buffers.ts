/** Most bytes that one stream of a file may decompress to; a page of a printed book has some kilobytes. */
const MAX_BYTES = 128 * 1_024 * 1_024

/**
 * Runs a reader that decompresses without a limit. Buffers are not part of a thread's limited heap, and one that keeps
 * doubling would end the whole environment with all its tasks.
 *
 * @throws RangeError when a buffer would have exceeded the limit, even if the reader ignored the error.
 */
export async function withBoundedBuffers<Value>(
  run: () => Promise<Value>,
  maxBytes = MAX_BYTES,
): Promise<Value> {
  const { Uint8Array: native, DecompressionStream: nativeStream } = globalThis
  let isOver = false
  const tooLarge = () => new RangeError(`A part of the file unpacks to more than ${maxBytes} bytes.`)
  const bounded: Uint8ArrayConstructor = new Proxy(native, {
    construct(target, values, newTarget) {
      if (typeof values[0] === 'number' && values[0] > maxBytes) {
        isOver = true
        throw tooLarge()
      }
      return Reflect.construct(target, values, newTarget === bounded ? target : newTarget)
    },
  })
  /** The same for streams that Node itself decompresses. */
  const boundedStream = function boundedStream(format: CompressionFormat) {
    const { readable, writable } = new nativeStream(format)
    let bytes = 0
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength
        isOver ||= bytes > maxBytes
        if (isOver) controller.error(tooLarge())
        else controller.enqueue(chunk)
      },
    })
    return { readable: readable.pipeThrough(count), writable }
  }
  globalThis.Uint8Array = bounded
  globalThis.DecompressionStream = boundedStream as unknown as typeof DecompressionStream
  try {
    const value = await run().catch((error: unknown) => {
      throw isOver ? tooLarge() : error
    })
    if (isOver) throw tooLarge()
    return value
  } finally {
    globalThis.Uint8Array = native
    globalThis.DecompressionStream = nativeStream
  }
}
