/** `spec.resyncNow` as `run` serves it: one cycle for each wish, however that cycle ends; after it the schedule. */

/** Whether it is set; null where that cannot be read. */
export type AskResync = () => Promise<boolean | null>;

export interface ResyncWish {
  /** True once for each wish. */
  isNew(): Promise<boolean>;
  /** After a cycle: one that was served and is taken back by it may be uttered again at once. */
  look(): Promise<void>;
}

// It stays set while no cycle ends as Synchronized: whoever cycled for it each time would ask Compass every few seconds.
export function watchResync(ask: AskResync): ResyncWish {
  let isServed = false;
  return {
    isNew: async () => {
      const isAsked = (await ask()) ?? isServed;
      const isNew = isAsked && !isServed;
      isServed = isAsked;
      return isNew;
    },
    look: async () => {
      if (isServed && (await ask()) === false) isServed = false;
    },
  };
}
