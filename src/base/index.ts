/** The stage that tells what Git holds under our path. */

export { DIGEST_ANNOTATION, hostsOf, ownDigest } from "./committed-application.js";
export { type Drift, type DriftedFile, findDrift } from "./drift.js";
export { folderBase } from "./folder.js";
export { APPROVE_PATH, type Instructions, readInstructions, SUSPEND_PATH } from "./instructions.js";
export {
  applicationOf,
  applicationPath,
  formatInventory,
  INVENTORY_LIMIT,
  INVENTORY_PATH,
  type Inventory,
  type InventoryFile,
  type InventoryReading,
  inventoryAsItStands,
  isInLayout,
  isSecretPath,
  readInventory,
  type SecretReference,
  sealKeyID,
  secretNameOf,
} from "./inventory.js";
export { overForeign } from "./obstacles.js";
export { type Base, type BaseOptions, openBase } from "./open.js";
export { type OwnBranch, openOwnBranch } from "./own-branch.js";
export {
  bundlesOf,
  type Folder,
  foldersOf,
  NothingLeft,
  type Ownership,
  type OwnershipOptions,
  ownedFiles,
  type Remembered,
  readStaying,
  type Staying,
} from "./ownership.js";
export { withReferredSecrets } from "./referred-secrets.js";
export { treeDigest } from "./tree-digest.js";
