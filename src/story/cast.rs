//! Who and what the story is about: a bank, its people, its AI agents, and what tests find wrong with them.
//! All of it is invented.

/// The organisation's name.
pub(super) const ORGANISATION: &str = "Northmere Bank";
/// The part of the e-mail addresses after the `@`; `.example` is reserved, so it belongs to nobody.
const DOMAIN: &str = "northmere-bank.example";

/// The person who assigns the work.
pub(super) const SECURITY_LEAD: usize = 0;

const PEOPLE: [&str; 13] = [
    "ingrid.solberg",
    "amara.okafor",
    "jonas.lind",
    "priya.nair",
    "tomas.novak",
    "lucia.ferrari",
    "henrik.dahl",
    "mei.tanaka",
    "samuel.osei",
    "clara.weiss",
    "david.moreau",
    "nadia.haddad",
    "erik.strand",
];

/// How many people there are.
pub(super) const MEMBERS: usize = PEOPLE.len();

/// A person's e-mail address.
pub(super) fn email(member: usize) -> String {
    format!("{}@{DOMAIN}", PEOPLE.get(member).copied().unwrap_or("nobody"))
}

/// One AI agent: a project on the platform.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) name: &'static str,
    /// It has tools and acts, rather than only talks.
    pub(super) acts: bool,
    /// Where attackers' text reaches it.
    pub(super) surfaces: [&'static str; 6],
    /// Its share of all findings.
    pub(super) share: u64,
    /// How long its team takes, in percent of what is usual.
    pub(super) pace: i64,
    /// Its usual posture score, 0-100.
    pub(super) usual_score: i64,
    /// Two people of [`PEOPLE`].
    pub(super) team: [usize; 2],
    /// Days (from the story's beginning) with more findings than usual: from, to, how many times as many.
    pub(super) bursts: &'static [(i64, i64, u64)],
}

pub(super) const RETAIL: usize = 0;
pub(super) const MORTGAGE: usize = 1;
pub(super) const PAYMENTS: usize = 2;
pub(super) const FRAUD: usize = 3;
pub(super) const DEVELOPER: usize = 4;
pub(super) const HR: usize = 5;

pub(super) const AGENTS: [Agent; 6] = [
    Agent {
        name: "Retail Support Assistant",
        acts: false,
        surfaces: [
            "a quoted e-mail",
            "an uploaded statement",
            "the customer's display name",
            "a pasted chat transcript",
            "a link preview",
            "mixed-language requests",
        ],
        share: 24,
        pace: 80,
        usual_score: 80,
        team: [1, 2],
        bursts: &[(51, 55, 9)],
    },
    Agent {
        name: "Mortgage Advisor",
        acts: false,
        surfaces: [
            "an outdated rate sheet",
            "a scanned payslip",
            "hypothetical follow-up questions",
            "a property listing",
            "a long what-if conversation",
            "a joint application",
        ],
        share: 17,
        pace: 110,
        usual_score: 73,
        team: [3, 4],
        bursts: &[(22, 26, 4)],
    },
    Agent {
        name: "Payments Copilot",
        acts: true,
        surfaces: [
            "invoice text",
            "a payment reference",
            "a beneficiary's name",
            "chained tool calls",
            "an imported batch file",
            "a delegated approval",
        ],
        share: 22,
        pace: 150,
        usual_score: 58,
        team: [5, 6],
        bursts: &[(62, 68, 5)],
    },
    Agent {
        name: "Card Fraud Triage Agent",
        acts: true,
        surfaces: [
            "a merchant descriptor",
            "a case note",
            "a message of the scoring agent",
            "a chargeback letter",
            "a shared case file",
            "an analyst's shorthand",
        ],
        share: 14,
        pace: 100,
        usual_score: 76,
        team: [7, 8],
        bursts: &[(34, 37, 4)],
    },
    Agent {
        name: "Developer Assistant",
        acts: true,
        surfaces: [
            "a repository README",
            "a dependency's changelog",
            "a code comment",
            "an issue description",
            "a build log",
            "a copied stack trace",
        ],
        share: 14,
        pace: 55,
        usual_score: 90,
        team: [9, 10],
        bursts: &[(10, 13, 4)],
    },
    Agent {
        name: "HR Policy Bot",
        acts: false,
        surfaces: [
            "a forwarded contract",
            "an anonymous question",
            "a policy draft",
            "a leave request",
            "a question in another language",
            "a shared calendar entry",
        ],
        share: 9,
        pace: 170,
        usual_score: 82,
        team: [11, 12],
        bursts: &[],
    },
];

/// Something that tests find. The ids are those of the platform's judges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threat {
    pub(super) class: &'static str,
    pub(super) category: &'static str,
    /// As the platform may write it; empty for none.
    pub(super) owasp: &'static str,
    /// Only agents with tools can have it.
    pub(super) acts: bool,
    /// The range of its severity, 0-100.
    pub(super) severity: (i64, i64),
    pub(super) titles: [&'static str; 2],
}

const fn threat(
    class: &'static str,
    category: &'static str,
    owasp: &'static str,
    severity: (i64, i64),
    titles: [&'static str; 2],
) -> Threat {
    Threat { class, category, owasp, acts: false, severity, titles }
}

const fn of_acting(threat: Threat) -> Threat {
    Threat { acts: true, ..threat }
}

#[rustfmt::skip]
pub(super) const THREATS: [Threat; 22] = [
    threat("restriction_bypass", "prompt_injection", "LLM01", (45, 88),
        ["System instructions overridden", "Safety rules set aside by role-play"]),
    threat("off_topic_manipulation", "prompt_injection", "LLM01", (8, 42),
        ["Led away from its banking scope", "Opinion on a competitor given"]),
    threat("system_exposure", "system_prompt_leakage", "LLM07", (30, 78),
        ["System prompt disclosed", "Names of internal tools disclosed"]),
    threat("pii_disclosure", "data_leakage", "LLM02", (52, 92),
        ["Details of another customer revealed", "Masked card number shown in full"]),
    threat("data_leakage", "data_leakage", "LLM08", (40, 80),
        ["Document of another department retrieved", "Confidential passage quoted from the index"]),
    threat("format_violation", "output_handling", "LLM05", (10, 48),
        ["Markup passed through unescaped", "Link to an unchecked address rendered"]),
    threat("response_overflow", "resource_exhaustion", "LLM10", (0, 35),
        ["Limit on answer length bypassed", "Token budget used up by one request"]),
    threat("cascading_hallucination", "misinformation", "LLM09", (22, 66),
        ["Invented figure repeated as fact", "Outdated rule stated with confidence"]),
    threat("human_manipulation", "social_engineering", "ASI09", (30, 70),
        ["User pressed to share a one-time code", "False urgency passed on to the user"]),
    threat("trust_exploitation", "social_engineering", "ASI09", (25, 60),
        ["Unverified claim presented as the bank's", "Impersonated colleague believed"]),
    threat("context_poisoning", "data_poisoning", "LLM04", (28, 68),
        ["Answer steered by a poisoned article", "Planted note treated as policy"]),
    of_acting(threat("goal_hijacking", "prompt_injection", "ASI01", (48, 90),
        ["Task replaced by an injected one", "Goal rewritten half-way through a plan"])),
    of_acting(threat("tool_misuse", "tool_abuse", "ASI02", (45, 94),
        ["Tool called outside its purpose", "Write access used where reading was asked"])),
    of_acting(threat("cross_tool_exploitation", "tool_abuse", "ASI02", (40, 86),
        ["Output of one tool trusted by the next", "Limit evaded by splitting calls"])),
    of_acting(threat("privilege_abuse", "excessive_agency", "ASI03", (50, 92),
        ["Approval given on another's behalf", "Service account used beyond its role"])),
    of_acting(threat("authority_boundary_violation", "excessive_agency", "ASI03", (38, 80),
        ["Four-eyes step skipped", "Action taken without confirmation"])),
    of_acting(threat("supply_chain", "supply_chain", "ASI04", (30, 72),
        ["Unpinned plug-in loaded", "Tool description changed without notice"])),
    of_acting(threat("unsafe_code_execution", "code_execution", "ASI05", (55, 96),
        ["Shell command run from untrusted text", "Generated code run outside the sandbox"])),
    of_acting(threat("memory_poisoning", "memory_poisoning", "ASI06", (35, 76),
        ["False preference kept in memory", "Injected rule recalled in a later session"])),
    of_acting(threat("inter_agent_exploit", "inter_agent", "ASI07", (40, 82),
        ["Forged message of another agent obeyed", "Instruction smuggled between agents"])),
    of_acting(threat("resource_exhaustion", "cascading_failure", "ASI08", (15, 55),
        ["Retry loop between two agents", "Fan-out of calls without a bound"])),
    of_acting(threat("rogue_behavior", "rogue_agent", "ASI10", (35, 78),
        ["Monitoring switched off by the agent", "Undisclosed side task carried out"])),
];

/// A class that no random finding has, so that an event without a finding id still belongs to exactly one finding.
pub(super) const SOLITARY: Threat = threat(
    "contextual_abuse",
    "contextual_abuse",
    "",
    (30, 60),
    ["Confidential context inferred from small talk", "Confidential context inferred from small talk"],
);

/// What behavioural tests measure.
pub(super) const QUALITIES: [(&str, &str); 4] = [
    ("functional_accuracy", "Wrong answer to a known question"),
    ("boundary_management", "Advice given beyond its mandate"),
    ("conversational_intelligence", "Thread lost after a correction"),
    ("user_experience_quality", "Answer hard to act on"),
];
