/**
 * RFC 9110 §5.6.2 tokens in capitals, without the asterisk, which no method has and rules would
 * seem to mean something by.
 */
export const methodForm: RegExp = /^[A-Z\d!#$%&'+\-.^_`|~]+$/

/**
 * Whether a request's method can be told from every other: some backends overlook its case.
 *
 * @param text as it was sent
 */
export function isMethod(text: string): boolean {
  return methodForm.test(text)
}

/**
 * What is wrong with a method of a route.
 *
 * @param text as it was written
 * @returns a clause; undefined where nothing is
 */
export function methodProblem(text: string): string | undefined {
  if (text === '*') return 'is no method: leave methods out for every method'
  return isMethod(text) ? undefined : 'must be a method in capitals, such as POST or M-SEARCH'
}
