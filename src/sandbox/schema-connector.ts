/** The Connector's schema (contract 1.1), complete. */

export const connectorSchema = /* GraphQL */ `
  type Configuration {
    token: Token
    certificateSigningRequestInfo: CertificateSigningRequestInfo
    managementPlaneInfo: ManagementPlaneInfo
  }

  type Token {
    token: String!
  }

  type CertificateSigningRequestInfo {
    subject: String!
    keyAlgorithm: String!
  }

  type ManagementPlaneInfo {
    directorURL: String
    certificateSecuredConnectorURL: String
  }

  type CertificationResult {
    certificateChain: String!
    caCertificate: String!
    clientCertificate: String!
  }

  type Query {
    configuration: Configuration!
  }

  type Mutation {
    signCertificateSigningRequest(csr: String!): CertificationResult!
    revokeCertificate: Boolean!
  }
`;
