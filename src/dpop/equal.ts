import { timingSafeEqual } from 'node:crypto'

/**
 * Compares without telling by its time where two texts differ. Whether their lengths do can be
 * told: what is compared here has a length that everybody knows.
 *
 * @param a one text
 * @param b the other
 */
export function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
