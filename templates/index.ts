/** The charts that are shipped. A folder of your own (`applications.templates`) exports `template` in the same way. */

import { application } from "./application.js";
import type { Template } from "./contract.js";
import { secrets } from "./secrets.js";

export { application, MANAGED_BY } from "./application.js";
export { placeholder, readPlaceholder, type Template, type TemplateInput, type TemplateSettings } from "./contract.js";
export { secrets } from "./secrets.js";

export const template: Template = (chart, input) => {
  secrets(chart, input);
  application(chart, input);
};
