interface Asked<Question, Reply> {
  readonly question: Question;
  readonly resolve: (reply: Reply | PromiseLike<Reply>) => void;
  readonly reject: (error: unknown) => void;
}

type Replies<Reply> = readonly (Reply | PromiseLike<Reply>)[];

/** Asks of one turn of the event loop, answered together. */
export class Coalesced<Question, Reply> {
  #asked: Asked<Question, Reply>[] = [];

  /**
   * @param answer replies in the order of the questions; what it throws is thrown at each who asked
   * @param most questions at a time
   */
  constructor(
    private readonly answer: (questions: readonly Question[]) => Replies<Reply> | Promise<Replies<Reply>>,
    private readonly most = Infinity,
  ) {}

  ask(question: Question): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#flush());
      this.#asked.push({ question, resolve, reject });
    });
  }

  #flush(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let at = 0; at < asked.length; at += this.most) void this.#reply(asked.slice(at, at + this.most));
  }

  async #reply(asked: readonly Asked<Question, Reply>[]): Promise<void> {
    try {
      const replies = await this.answer(asked.map(({ question }) => question));
      asked.forEach(({ resolve }, index) => resolve(replies[index]!));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
