/** The queries, written so that Director does no needless work (contract 2.7, 2.11); checked by a test against its schema. */

// The operation keyword stands first: the gateway tells queries from mutations by it. No application labels: each
// costs Director a transaction. `auths` costs one too, but clientIds need it.

const PAGE = "pageInfo { endCursor hasNextPage } totalCount";
const API_PAGE = `{ data { id name targetURL } ${PAGE} }`;
const EVENT_PAGE = `{ data { id name } ${PAGE} }`;

// All occurrences of a nested list carry the same arguments: Director's loaders use those of the first for every parent.
const BUNDLE_PAGE = `{
  data {
    id name description instanceAuthRequestInputSchema
    defaultInstanceAuth {
      credential {
        __typename
        ... on BasicCredentialData { username password }
        ... on OAuthCredentialData { clientId clientSecret url }
      }
      additionalHeaders
      additionalQueryParams
      requestAuth { csrf { tokenEndpointURL } }
    }
    apiDefinitions(first: $nested) ${API_PAGE}
    eventDefinitions(first: $nested) ${EVENT_PAGE}
  }
  ${PAGE}
}`;

export const APPLICATIONS = `query Applications($runtime: ID!, $first: Int!, $after: PageCursor, $nested: Int!) {
  runtime(id: $runtime) { id name labels }
  applicationsForRuntime(runtimeID: $runtime, first: $first, after: $after) {
    data { id name description auths { id } bundles(first: $nested) ${BUNDLE_PAGE} }
    ${PAGE}
  }
}`;

/** What is left of `APPLICATIONS` for those that Director cannot write: no `JSONSchema`, no `CLOB` (contract 12.3, O9). */
export const APPLICATION_NAMES = `query ApplicationNames($runtime: ID!, $first: Int!, $after: PageCursor) {
  runtime(id: $runtime) { id name labels }
  applicationsForRuntime(runtimeID: $runtime, first: $first, after: $after) { data { id name } ${PAGE} }
}`;

export const BUNDLES = `query Bundles($application: ID!, $after: PageCursor, $nested: Int!) {
  application(id: $application) { bundles(first: $nested, after: $after) ${BUNDLE_PAGE} }
}`;

export const API_DEFINITIONS = `query APIDefinitions($application: ID!, $bundle: ID!, $after: PageCursor, $nested: Int!) {
  application(id: $application) { bundle(id: $bundle) { apiDefinitions(first: $nested, after: $after) ${API_PAGE} } }
}`;

export const EVENT_DEFINITIONS = `query EventDefinitions($application: ID!, $bundle: ID!, $after: PageCursor, $nested: Int!) {
  application(id: $application) { bundle(id: $bundle) { eventDefinitions(first: $nested, after: $after) ${EVENT_PAGE} } }
}`;

export const SET_RUNTIME_LABEL = `mutation SetRuntimeLabel($runtime: ID!, $key: String!, $value: Any!) {
  setRuntimeLabel(runtimeID: $runtime, key: $key, value: $value) { key }
}`;
