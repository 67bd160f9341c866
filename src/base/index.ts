/** The stage that tells what Git holds under our path. */

export { folderBase } from "./folder.js";
export {
  formatInventory,
  INVENTORY_PATH,
  type Inventory,
  type InventoryFile,
  type InventoryReading,
  readInventory,
  sealKeyID,
} from "./inventory.js";
export { type Base, type BaseOptions, openBase } from "./open.js";
export { type Ownership, ownedFiles } from "./ownership.js";
