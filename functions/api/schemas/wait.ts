import * as z from 'zod'
import { LIMITS } from '../../contract.ts'

/** How long to wait, as every route has it that may wait. */
export const waitSeconds = z.coerce.number().int().min(0).max(LIMITS.waitSeconds).default(0)
