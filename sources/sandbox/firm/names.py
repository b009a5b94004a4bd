"""The words that people, customers, projects and deals are named with."""

from __future__ import annotations

WESTERN_FIRST = (
    "Alice Amara Andre Anna Aaron Beatrice Benjamin Carla Caroline Chidi Clara Connor Daniel Daphne David Deborah "
    "Dominic Edith Elena Elias Emma Erik Fatima Felix Fiona Gabriel Grace Hannah Harriet Hugo Imani Ingrid Isaac "
    "Jasmin Joel Jonas Julia Karim Kate Laura Leo Lena Lucas Lydia Marcus Maria Martin Maya Miriam Nadia Nathan "
    "Nina Noah Olivia Oscar Patrick Paula Peter Priya Rachel Rafael Robert Rosa Samuel Sarah Simon Sofia Stefan "
    "Tara Theo Thomas Ursula Vera Victor Wendy Yusuf Zoe"
).split()
WESTERN_LAST = (
    "Abbott Adeyemi Archer Barnes Becker Bell Bennett Blake Bishop Carver Chandra Clarke Coleman Cooper Costa Cross "
    "Dalton Davies Doyle Draper Ellis Evans Farrow Fischer Fletcher Forbes Garner Gibson Grant Haddad Hale Hayes "
    "Hoffmann Holt Hughes Ibrahim Jensen Kapoor Keller Kerr Lang Larsen Lawson Lindqvist Mason Marsh Mercer Meyer "
    "Morgan Moreau Nash Novak Okafor Osborne Palmer Patel Pearce Quinn Reed Reyes Rhodes Romero Schneider Sharma "
    "Shaw Silva Stone Sutton Tanner Turner Vance Vogel Wagner Walsh Weber Whitaker Wolfe Wright Yates Zhang Zimmer"
).split()
JAPANESE_FIRST = (
    "Akira Ayaka Daichi Emi Haruka Haruto Hina Hiroshi Jun Kaito Kana Kenji Kenta Mai Makoto Megumi Mei Minato Miyu "
    "Naoki Nanami Ren Riku Sakura Satoshi Shota Sora Takashi Takumi Tomoko Yuka Yuki Yumi Yuto"
).split()
JAPANESE_LAST = (
    "Abe Endo Fujita Fukuda Goto Hara Hasegawa Hayashi Inoue Ishikawa Ito Kato Kimura Kobayashi Kondo Maeda "
    "Matsumoto Mori Murakami Nakamura Nakano Nishimura Ogawa Okada Ono Saito Sakai Sasaki Shimizu Takeda Tanaka "
    "Ueda Watanabe Yamada Yamamoto Yoshida"
).split()

CUSTOMER_FIRST = (
    "Alder Amber Arden Aspen Bluewater Bramble Brightwell Calder Cedar Clearbrook Copperfield Crestline Crown Dunmore "
    "Eastgate Ember Fairhaven Falcon Fernhill Foxglove Glenmore Granite Greystone Halcyon Hartwell Hawthorn Highfield "
    "Ironbridge Juniper Kestrel Kingsway Lakeshore Larkspur Linden Longreach Maple Marlowe Millbrook Northgate Oakmont "
    "Orchard Palisade Pinecrest Quarry Redwood Ridgeline Riverbend Rowan Sable Saltmarsh Silverton Southwind Stonegate "
    "Summit Thornbury Tidewater Umber Valewood Westbrook Whitmore Willow Windermere Wren Yarrow"
).split()
CUSTOMER_LAST = (
    ("Logistics", "Transportation"),
    ("Foods", "Consumer Goods"),
    ("Bank", "Financial Services"),
    ("Health", "Healthcare"),
    ("Energy", "Energy"),
    ("Insurance", "Insurance"),
    ("Retail Group", "Retail"),
    ("Aerospace", "Manufacturing"),
    ("Pharma", "Life Sciences"),
    ("Media", "Media"),
    ("Rail", "Transportation"),
    ("Chemicals", "Manufacturing"),
    ("Telecom", "Telecommunications"),
    ("Components", "Manufacturing"),
)

WORK: dict[str, tuple[str, ...]] = {
    "CLOUD": (
        "Cloud landing zone",
        "Data centre exit",
        "Container platform",
        "Application modernization",
        "Platform operations",
        "Integration layer",
    ),
    "DATA": (
        "Data platform",
        "Customer analytics",
        "Demand forecasting",
        "Master data clean-up",
        "Reporting redesign",
        "Streaming ingestion",
    ),
    "ERP": (
        "Finance core rollout",
        "Order-to-cash redesign",
        "Warehouse go-live",
        "Procurement rollout",
        "ERP upgrade",
        "Consolidation and close",
    ),
    "SEC": (
        "Identity programme",
        "Zero trust roadmap",
        "Security operations",
        "Privileged access rollout",
        "Cloud security review",
        "Incident readiness",
    ),
}
INTERNAL_WORK = (
    "Internal: practice development",
    "Internal: delivery methods",
    "Internal: recruiting support",
    "Internal: proposal support",
    "Internal: security training",
    "Internal: tools and automation",
)
PHASES: dict[str, tuple[str, ...]] = {
    "TIME_AND_MATERIALS": ("Discovery", "Build", "Test and handover"),
    "TM_NOT_TO_EXCEED": ("Preparation", "Implementation", "Go-live support"),
    "FIXED_FEE_MILESTONE": ("Assessment", "Solution design", "Delivery"),
    "FIXED_FEE_PERCENT_COMPLETE": ("Blueprint", "Realization", "Cutover"),
    "MANAGED_RECURRING": ("Service desk", "Platform maintenance"),
    "RETAINER_SUBSCRIPTION": ("Advisory hours",),
}
LINE_NAMES = {
    "TIME_AND_MATERIALS": "Delivery on time and materials",
    "TM_NOT_TO_EXCEED": "Implementation, capped",
    "FIXED_FEE_MILESTONE": "Fixed-fee delivery by milestone",
    "FIXED_FEE_PERCENT_COMPLETE": "Fixed-fee delivery by progress",
    "MANAGED_RECURRING": "Managed service",
    "RETAINER_SUBSCRIPTION": "Advisory retainer",
}
NOTES = (
    "Workshop with the client team",
    "Configuration and unit tests",
    "Design review",
    "Sprint work",
    "Migration run and checks",
    "Defect fixing",
    "Documentation",
    "Stakeholder call and follow-up",
    "Interface mapping",
    "Test support",
)
PACKAGES = {
    "CLOUD": ("PKG-CLD-START", "Cloud Quickstart"),
    "DATA": ("PKG-DAT-HEALTH", "Data Health Check"),
    "ERP": ("PKG-ERP-FIT", "ERP Fit-Gap"),
    "SEC": ("PKG-SEC-BASE", "Security Baseline"),
}
SKILLS: dict[str, tuple[str, ...]] = {
    "CLOUD": ("Kubernetes", "Terraform", "AWS", "Azure", "Networking", "Observability"),
    "DATA": ("SQL", "Spark", "dbt", "Airflow", "Power BI", "Data Modelling"),
    "ERP": ("NetSuite", "SAP S/4HANA", "Order to Cash", "Financial Close", "Procurement", "EDI"),
    "SEC": ("IAM", "SIEM", "Threat Modelling", "Zero Trust", "Penetration Testing", "ISO 27001"),
}
ROLE_SKILLS = {
    "Engagement Manager": "Programme Management",
    "Solution Architect": "Solution Architecture",
    "Senior Consultant": "Workshop Facilitation",
    "Consultant": "Requirements Analysis",
    "Developer": "Python",
    "Data Engineer": "SQL",
    "Business Analyst": "Process Modelling",
    "QA Engineer": "Test Automation",
}
