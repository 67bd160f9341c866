/** The Application custom resource, field by field as the Go agent writes it (contract 4.1). */

import type { Construct } from "constructs";
import type { APIEntryModel, EventsEntryModel, ServiceModel } from "../src/model/index.js";
import type { TemplateInput } from "./contract.js";
import {
  Application,
  type ApplicationSpecServices,
  type ApplicationSpecServicesEntries,
  ApplicationSpecServicesEntriesType,
} from "./imports/applicationconnector.kyma-project.io.js";

export const MANAGED_BY = { "applicationconnector.kyma-project.io/managed-by": "compass-runtime-agent" };

/** Empty texts are written out: the CRD demands some of them, and consumers were built against the rest. */
const UNUSED = "";

export function application(scope: Construct, input: TemplateInput): Application {
  const { name, id, description, clientIDs, services } = input.application;
  return new Application(scope, "application", {
    metadata: { name, labels: MANAGED_BY },
    spec: {
      description,
      displayName: UNUSED,
      providerDisplayName: UNUSED,
      longDescription: UNUSED,
      skipVerify: input.settings.skipVerify,
      // The CRD's default is true, and everything that came through Compass so far runs with false.
      encodeUrl: false,
      labels: { "connected-app": name },
      compassMetadata: { applicationId: id, authentication: { clientIds: [...clientIDs] } },
      services: services.map((service) => serviceOf(service, input)),
    },
  });
}

function serviceOf(service: ServiceModel, input: TemplateInput): ApplicationSpecServices {
  const { id, name, displayName, description, authCreateParameterSchema, entries } = service;
  return {
    id,
    name,
    displayName,
    description,
    identifier: UNUSED,
    providerDisplayName: UNUSED,
    ...(authCreateParameterSchema === null ? {} : { authCreateParameterSchema }),
    entries: entries.map((entry) => (entry.type === "API" ? apiEntry(entry, service, input) : eventsEntry(entry))),
  };
}

function apiEntry(entry: APIEntryModel, service: ServiceModel, input: TemplateInput): ApplicationSpecServicesEntries {
  const { id, name, targetURL, path, credentials, requestParametersSecretName } = entry;
  return {
    id,
    name,
    type: ApplicationSpecServicesEntriesType.API,
    targetUrl: targetURL,
    centralGatewayUrl: `${input.settings.gatewayURL}/${input.application.name}/${service.path}/${path}`,
    gatewayUrl: UNUSED,
    credentials:
      credentials === null
        ? { type: UNUSED, secretName: UNUSED }
        : {
            type: credentials.type,
            secretName: credentials.secretName,
            ...(credentials.authenticationURL === null ? {} : { authenticationUrl: credentials.authenticationURL }),
            ...(credentials.csrfTokenEndpointURL === null
              ? {}
              : { csrfInfo: { tokenEndpointUrl: credentials.csrfTokenEndpointURL } }),
          },
    ...(requestParametersSecretName === null ? {} : { requestParametersSecretName }),
  };
}

function eventsEntry({ id, name }: EventsEntryModel): ApplicationSpecServicesEntries {
  return {
    id,
    name,
    type: ApplicationSpecServicesEntriesType.EVENTS,
    targetUrl: UNUSED,
    centralGatewayUrl: UNUSED,
    gatewayUrl: UNUSED,
    credentials: { type: UNUSED, secretName: UNUSED },
  };
}
