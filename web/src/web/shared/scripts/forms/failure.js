// Errors that a page can show.

/** `html` is shown beside whatever asked. */
export class ShownError extends Error {
  /**
   * @param {string} message
   * @param {string} html
   */
  constructor(message, html) {
    super(message);
    this.html = html;
  }
}

/**
 * What to show of an error; undefined for one that no page shows.
 *
 * @param {unknown} error
 */
export const htmlOf = (error) => (error instanceof ShownError ? error.html : undefined);
