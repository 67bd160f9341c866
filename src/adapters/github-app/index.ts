/** GitHub Apps: tokens of their installations. */

export {
  apiOf,
  createTokenKeeper,
  type InstallationPermissions,
  repositoryOf,
  type TokenKeeper,
} from "./installation-token.js";
