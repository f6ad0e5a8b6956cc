// What reads again and again reads one at a time.

/**
 * `read`, never twice at once: an older answer would arrive after a newer one and stay. Whoever
 * calls while it runs has it run once more; the promise is kept once everything is read.
 *
 * @param {() => Promise<void>} read
 */
export function oneAtATime(read) {
  let running;
  let again = false;
  const run = async () => {
    do {
      again = false;
      await read();
    } while (again);
  };
  return () => {
    again = true;
    running ??= run().finally(() => (running = undefined));
    return running;
  };
}
