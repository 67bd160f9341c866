/** The products that a generated landscape is made of. The first five alone show every kind of access. */

export type Access =
  | "oauth"
  | "oauth-csrf"
  | "oauth-headers"
  | "basic"
  | "basic-headers"
  | "basic-csrf"
  | "headers"
  | "none";

export interface CatalogueBundle {
  readonly name: string;
  readonly description: string | null;
  readonly access: Access;
  /** Name and path of each API. */
  readonly apis: readonly (readonly [name: string, path: string])[];
  readonly events: readonly string[];
}

export interface Product {
  readonly name: string;
  readonly provider: string;
  readonly description: string | null;
  /** The first label of its host name. */
  readonly host: string;
  /** Registered with a system number, which Director appends to the name. */
  readonly numbered?: boolean;
  readonly bundles: readonly CatalogueBundle[];
}

const bundle = (
  name: string,
  description: string | null,
  access: Access,
  apis: CatalogueBundle["apis"],
  events: readonly string[] = [],
): CatalogueBundle => ({ name, description, access, apis, events });

export const products: readonly Product[] = [
  {
    name: "SAP Commerce Cloud",
    provider: "SAP SE",
    description: "Storefront, catalog and order management",
    host: "commerce",
    bundles: [
      bundle(
        "Commerce Webservices",
        "Storefront API, version 2",
        "oauth",
        [
          ["Omni Commerce Connect", "/occ/v2"],
          ["Stock Service", "/occ/v2/stock"],
        ],
        ["Order Events", "Customer Events"],
      ),
    ],
  },
  {
    name: "SAP S/4HANA Cloud",
    provider: "SAP SE",
    description: "Enterprise resource planning: sales, procurement, finance",
    host: "s4hana",
    numbered: true,
    bundles: [
      bundle("Sales Order Integration", "Communication scenario SAP_COM_0109", "basic-headers", [
        ["Sales Order (A2X)", "/sap/opu/odata/sap/API_SALES_ORDER_SRV"],
        ["Business Partner", "/sap/opu/odata/sap/API_BUSINESS_PARTNER"],
      ]),
    ],
  },
  {
    name: "Warehouse Telemetry",
    provider: "Logistics Platform Team",
    description: "Movements and temperatures from the high-bay warehouse",
    host: "telemetry",
    bundles: [bundle("Telemetry", "Published every ten seconds", "none", [], ["Pallet Moved", "Temperature Measured"])],
  },
  {
    name: "SAP Service Cloud",
    provider: "SAP SE",
    description: "Tickets, visits and field service",
    host: "service",
    bundles: [
      bundle(
        "Tickets",
        "Service requests of customers",
        "oauth-csrf",
        [["Service Ticket", "/sap/c4c/odata/v1/c4codataapi"]],
        ["Ticket Events"],
      ),
      bundle("Field Service", "Visits and technicians", "basic", [
        ["Visit", "/sap/c4c/odata/v1/visit"],
        ["Technician", "/sap/c4c/odata/v1/technician"],
      ]),
      bundle("Public Knowledge Base", null, "none", [["Articles", "/knowledge/v1/articles"]]),
    ],
  },
  {
    name: "Müller & Söhne WebShop",
    provider: "Müller & Söhne GmbH",
    description: "Registered, nothing offered yet",
    host: "webshop",
    bundles: [],
  },
  {
    name: "SAP Marketing Cloud",
    provider: "SAP SE",
    description: "Contacts, campaigns and consent",
    host: "marketing",
    numbered: true,
    bundles: [
      bundle(
        "Contacts",
        "Interaction contacts",
        "oauth-headers",
        [
          ["Contact", "/sap/opu/odata/sap/API_MKT_CONTACT_SRV"],
          ["Campaign", "/sap/opu/odata/sap/API_MKT_CAMPAIGN_SRV"],
        ],
        ["Interaction Events"],
      ),
    ],
  },
  {
    name: "SAP Sales Cloud",
    provider: "SAP SE",
    description: "Leads, opportunities and quotes",
    host: "sales",
    bundles: [
      bundle("Opportunities", "Pipeline of the sales team", "oauth", [
        ["Lead", "/sales/v1/leads"],
        ["Opportunity", "/sales/v1/opportunities"],
        ["Quote", "/sales/v1/quotes"],
      ]),
    ],
  },
  {
    name: "SAP SuccessFactors Employee Central",
    provider: "SAP SE",
    description: "Employees, positions and time off",
    host: "successfactors",
    bundles: [
      bundle(
        "Employee Central",
        "OData V2 of Employee Central",
        "basic",
        [
          ["User", "/odata/v2/User"],
          ["Position", "/odata/v2/Position"],
        ],
        ["Employee Hired", "Employee Left"],
      ),
    ],
  },
  {
    name: "SAP Concur",
    provider: "SAP Concur",
    description: "Travel requests and expense reports",
    host: "concur",
    bundles: [
      bundle("Expense", null, "oauth", [["Expense Report", "/expensereports/v4"]]),
      bundle("Travel", null, "oauth", [["Itinerary", "/travel/itinerary/v1.1"]]),
    ],
  },
  {
    name: "SAP Ariba Procurement",
    provider: "SAP Ariba",
    description: "Sourcing, contracts and supplier risk",
    host: "ariba",
    bundles: [
      bundle("Sourcing", "Needs an application key in the header", "headers", [
        ["Sourcing Project", "/sourcing-project/v2/prod"],
      ]),
    ],
  },
  {
    name: "SAP Integrated Business Planning for Supply Chain",
    provider: "SAP SE",
    description: "Demand, supply and inventory planning across all regions, with what-if versions of every plan",
    host: "ibp",
    bundles: [
      bundle("Planning Data", "Key figures by planning area", "basic-csrf", [
        ["Key Figure Data", "/sap/opu/odata/IBP/PLANNING_DATA_API_SRV"],
      ]),
    ],
  },
  {
    name: "SAP Fieldglass",
    provider: "SAP Fieldglass",
    description: null,
    host: "fieldglass",
    bundles: [
      bundle("Workers", "External workforce", "oauth-headers", [
        ["Worker", "/api/v1/workers"],
        ["Work Order", "/api/v1/workorders"],
      ]),
    ],
  },
  {
    name: "LEGACY_BILLING (AS/400)",
    provider: "Internal IT",
    description: "Invoices until 2019, read only\nAsk the finance team before use: it is slow",
    host: "billing",
    bundles: [bundle("Invoices", "Nightly export", "basic-headers", [["Invoice", "/cgi-bin/invoice"]])],
  },
  {
    name: "Kundenportal Österreich",
    provider: "Digital Unit Wien",
    description: "Self-service for customers: contracts, meters, Rechnungen",
    host: "kundenportal",
    bundles: [
      bundle(
        "Portal",
        "Used by the mobile app",
        "oauth-csrf",
        [
          ["Contract", "/api/contracts"],
          ["Meter Reading", "/api/readings"],
        ],
        ["Reading Submitted"],
      ),
    ],
  },
  {
    name: "SAP Transportation Management",
    provider: "SAP SE",
    description: "Freight orders and carriers",
    host: "tm",
    numbered: true,
    bundles: [
      bundle(
        "Freight",
        "Freight orders of all carriers",
        "basic-csrf",
        [["Freight Order", "/sap/opu/odata/sap/API_FREIGHT_ORDER"]],
        ["Freight Order Events"],
      ),
      bundle("Carriers", null, "none", [["Carrier", "/carriers"]]),
    ],
  },
  {
    name: "mp-inventory-gateway",
    provider: "Platform Team",
    description: "A name that is in its normal form already",
    host: "inventory",
    bundles: [bundle("Inventory", null, "oauth", [["Inventory", "/inventory/v3"]], ["Stock Changed"])],
  },
];

/** Told apart by these once a product occurs twice. */
export const regions: readonly string[] = [
  "Berlin",
  "Zürich",
  "São Paulo",
  "Bengaluru",
  "Walldorf",
  "Philadelphia",
  "Singapore",
  "Łódź",
  "Montréal",
  "Tokyo",
  "Sydney",
  "Nairobi",
  "Köln",
  "İstanbul",
  "Oslo",
  "Madrid",
  "Dublin",
  "Palo Alto",
  "Budapest",
  "Sofia",
  "Hamburg",
  "Lyon",
  "Porto",
  "Accra",
  "Lima",
];

export const stages: readonly string[] = [
  "",
  "QA",
  "Dev",
  "Test",
  "Training",
  "DR",
  "Sandbox",
  "Acceptance",
  "Preprod",
  "Migration",
];
