/** The part of Director's schema that an agent may use (contract 2). */

export const directorSchema = /* GraphQL */ `
  scalar Any
  scalar CLOB
  scalar HttpHeaders
  scalar HttpHeadersSerialized
  scalar JSONSchema
  scalar Labels
  scalar PageCursor
  scalar QueryParams
  scalar QueryParamsSerialized
  scalar Timestamp

  enum RuntimeStatusCondition { INITIAL PROVISIONING CONNECTED FAILED }
  enum ApplicationStatusCondition { INITIAL CONNECTED FAILED CREATING CREATE_FAILED DELETING DELETE_FAILED }
  enum OneTimeTokenType { Runtime Application }

  interface Pageable {
    pageInfo: PageInfo!
    totalCount: Int!
  }

  type PageInfo {
    startCursor: PageCursor!
    endCursor: PageCursor!
    hasNextPage: Boolean!
  }

  type RuntimeStatus {
    condition: RuntimeStatusCondition!
    timestamp: Timestamp!
  }

  type RuntimeMetadata {
    creationTimestamp: Timestamp!
  }

  type RuntimeEventingConfiguration {
    defaultURL: String!
  }

  type RuntimeSystemAuth {
    id: ID!
  }

  type Runtime {
    id: ID!
    name: String!
    description: String
    labels(key: String): Labels
    status: RuntimeStatus!
    metadata: RuntimeMetadata!
    auths: [RuntimeSystemAuth!]
    eventingConfiguration: RuntimeEventingConfiguration
    applicationNamespace: String
  }

  type Label {
    key: String!
    value: Any!
  }

  type OneTimeTokenForRuntime {
    token: String!
    connectorURL: String!
    used: Boolean!
    expiresAt: Timestamp!
    createdAt: Timestamp
    usedAt: Timestamp
    raw: String
    rawEncoded: String
    type: OneTimeTokenType
  }

  type ApplicationStatus {
    condition: ApplicationStatusCondition!
    timestamp: Timestamp!
  }

  type Application {
    id: ID!
    name: String!
    providerName: String
    description: String
    labels(key: String): Labels
    auths: [AppSystemAuth!]
    bundles(first: Int = 200, after: PageCursor): BundlePage
    bundle(id: ID!): Bundle
    systemNumber: String
    localTenantID: String
    baseUrl: String
    applicationNamespace: String
    systemStatus: String
    createdAt: Timestamp
    updatedAt: Timestamp
    deletedAt: Timestamp
    error: String
    status: ApplicationStatus!
  }

  type ApplicationPage implements Pageable {
    data: [Application!]!
    pageInfo: PageInfo!
    totalCount: Int!
  }

  type AppSystemAuth {
    id: ID!
    auth: Auth
  }

  type Bundle {
    id: ID!
    name: String!
    description: String
    instanceAuthRequestInputSchema: JSONSchema
    defaultInstanceAuth: Auth
    apiDefinitions(group: String, first: Int = 200, after: PageCursor): APIDefinitionPage
    eventDefinitions(group: String, first: Int = 200, after: PageCursor): EventDefinitionPage
    apiDefinition(id: ID!): APIDefinition
    eventDefinition(id: ID!): EventDefinition
    correlationIDs: [String!]
    createdAt: Timestamp
    updatedAt: Timestamp
    deletedAt: Timestamp
    error: String
  }

  type BundlePage implements Pageable {
    data: [Bundle!]!
    pageInfo: PageInfo!
    totalCount: Int!
  }

  type Version {
    value: String!
    deprecated: Boolean
    deprecatedSince: String
    forRemoval: Boolean
  }

  type APISpec {
    data: CLOB
    format: String
    type: String
  }

  type EventSpec {
    data: CLOB
    format: String
    type: String
  }

  type APIDefinition {
    id: ID!
    name: String!
    description: String
    targetURL: String!
    group: String
    spec: APISpec
    version: Version
    created_at: Timestamp
    updated_at: Timestamp
    deleted_at: Timestamp
    error: String
  }

  type APIDefinitionPage implements Pageable {
    data: [APIDefinition!]!
    pageInfo: PageInfo!
    totalCount: Int!
  }

  type EventDefinition {
    id: ID!
    name: String!
    description: String
    group: String
    spec: EventSpec
    version: Version
    createdAt: Timestamp
    updatedAt: Timestamp
    deletedAt: Timestamp
    error: String
  }

  type EventDefinitionPage implements Pageable {
    data: [EventDefinition!]!
    pageInfo: PageInfo!
    totalCount: Int!
  }

  type BasicCredentialData {
    username: String!
    password: String!
  }

  type OAuthCredentialData {
    clientId: ID!
    clientSecret: String!
    url: String!
  }

  type CertificateOAuthCredentialData {
    clientId: ID!
    certificate: String!
    url: String!
  }

  union CredentialData = BasicCredentialData | OAuthCredentialData | CertificateOAuthCredentialData

  type CSRFTokenCredentialRequestAuth {
    tokenEndpointURL: String!
    credential: CredentialData
    additionalHeaders: HttpHeaders
    additionalHeadersSerialized: HttpHeadersSerialized
    additionalQueryParams: QueryParams
    additionalQueryParamsSerialized: QueryParamsSerialized
  }

  type CredentialRequestAuth {
    csrf: CSRFTokenCredentialRequestAuth
  }

  type Auth {
    credential: CredentialData
    accessStrategy: String
    additionalHeaders: HttpHeaders
    additionalHeadersSerialized: HttpHeadersSerialized
    additionalQueryParams: QueryParams
    additionalQueryParamsSerialized: QueryParamsSerialized
    requestAuth: CredentialRequestAuth
    certCommonName: String
  }

  type Query {
    runtime(id: ID!): Runtime
    application(id: ID!): Application
    applicationsForRuntime(runtimeID: ID!, first: Int = 200, after: PageCursor): ApplicationPage!
  }

  type Mutation {
    setRuntimeLabel(runtimeID: ID!, key: String!, value: Any!): Label!
    requestOneTimeTokenForRuntime(id: ID!, systemAuthID: ID): OneTimeTokenForRuntime!
  }
`;
