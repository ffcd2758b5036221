import * as z from 'zod'
import { LIMITS } from '../../contract.ts'

/** Seconds to wait, for every route that can wait. */
export const waitSeconds = z.coerce.number().int().min(0).max(LIMITS.waitSeconds).default(0)
