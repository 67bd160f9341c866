/** GitHub Apps: tokens of their installations. */

export { apiOf, createTokenKeeper, repositoryOf, type TokenKeeper } from "./installation-token.js";
