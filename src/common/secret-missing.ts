/** Tells a place without a secret from one that cannot be read. */

import { Failure } from "./failure.js";

/** Nothing stands in the place that was named: the value is missing there, or empty. What puts it there may still come. */
export class SecretMissing extends Failure {}
