/** What every answer and every commit says while credentials lie open in Git. */

export const PLAIN_WARNING = "secrets.mode is plain: everybody who can read the repository can read the credentials";
