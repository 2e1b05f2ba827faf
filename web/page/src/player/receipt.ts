/** The server takes a receipt for two minutes; by then, every service knows of the enrolment. */
const goodFor = 115_000;

/**
 * The proof of an enrolment that has just been made. It opens lectures before the service that plays them has heard of
 * the enrolment.
 */
export const receipt = {
  text: null as string | null,
  until: 0,
  keep(text: string): void {
    this.text = text;
    this.until = Date.now() + goodFor;
  },
  get fresh(): string | null {
    return Date.now() < this.until ? this.text : null;
  },
};
