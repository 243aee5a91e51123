/**
 * The request that is judged: the client's own, as whoever stands before us describes it. What
 * nobody told is undefined. Nothing of the query is in it.
 */
export interface Target {
  /** As it was sent; methods are told apart by case (RFC 9110 §9.1). */
  readonly method: string | undefined
  readonly scheme: 'http' | 'https' | undefined
  /** As it was sent, with the port where one was named. */
  readonly host: string | undefined
  /** The path as it was sent, still encoded, without query. */
  readonly path: string | undefined
  /**
   * The method that a true CORS preflight asks for: OPTIONS with `Origin` and
   * `Access-Control-Request-Method`. Undefined for every other request.
   */
  readonly preflightFor: string | undefined
}
