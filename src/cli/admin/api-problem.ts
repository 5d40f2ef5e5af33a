/** The gateway has said no, or nothing at all. The message is for people. */
export class ApiProblem extends Error {
  /** Of HTTP; undefined: nobody answered. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
