/** The items of a list, as the API server answers. */

import { z } from "zod";

/** An empty list of metadata comes as null. */
export const itemsOf = <T>(item: z.ZodType<T>) =>
  z
    .array(item)
    .nullable()
    .transform((items) => items ?? []);
