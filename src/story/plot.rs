//! What happens in every story, whatever the seed: the scenes that the workbook, the rules and the hunts need
//! to have something to show.

use super::calendar::{DAY, HOUR, MINUTE, office};
use super::cast::{self, DEVELOPER, FRAUD, HR, MORTGAGE, PAYMENTS, RETAIL, THREATS};
use super::dice::Dice;
use super::finding::{Finding, Moment, Step};

use Step::{Acknowledged, Assigned, Created, Failed, Regressed, Verified};

const FIXED_BEFORE: Step = Regressed { stale: false };
const STALE_BEFORE: Step = Regressed { stale: true };

/// How many days before the end the retail assistant's model was changed, which caused regressions.
pub(super) const MODEL_CHANGE: i64 = 38;
/// How many days before the end the HR bot was last heard of.
pub(super) const SILENCE: i64 = 19;

/// When an agent's tests do not run.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) agent: usize,
    pub(super) from: i64,
    /// `None`: until the end of the story.
    pub(super) to: Option<i64>,
    pub(super) by: usize,
    pub(super) reason: &'static str,
}

pub(super) fn pauses(end: i64, dice: &mut Dice) -> Vec<Pause> {
    let mut at = |ago: i64| office(end - ago, dice);
    vec![
        Pause {
            agent: FRAUD,
            from: at(61 * DAY),
            to: Some(at(59 * DAY)),
            by: 7,
            reason: "Scoring service in maintenance",
        },
        Pause {
            agent: RETAIL,
            from: at(45 * DAY),
            to: Some(at(45 * DAY) + 3 * HOUR),
            by: 1,
            reason: "Release of a new version",
        },
        Pause { agent: FRAUD, from: at(9 * DAY), to: None, by: 8, reason: "Change freeze" },
    ]
}

/// Whether tests of `agent` run at `at`.
pub(super) fn is_testing(pauses: &[Pause], end: i64, agent: usize, at: i64) -> bool {
    let holds = |pause: &Pause| pause.agent == agent && at >= pause.from && pause.to.is_none_or(|to| at < to);
    let is_silent = agent == HR && at > end - SILENCE * DAY;
    !is_silent && !pauses.iter().any(holds)
}

/// One scripted life: the steps, each so long before the end.
struct Script {
    agent: usize,
    class: &'static str,
    title: &'static str,
    severity: i64,
    /// What a regression adds to the severity.
    worse: i64,
    owner: usize,
    steps: &'static [(i64, Step)],
}

const SCRIPTS: [Script; 12] = [
    // Open, critical, overdue, and the fix did not hold.
    Script {
        agent: PAYMENTS,
        class: "cross_tool_exploitation",
        title: "Payment limit evaded by splitting calls",
        severity: 91,
        worse: 0,
        owner: 5,
        steps: &[
            (12 * DAY + 5 * HOUR, Created),
            (12 * DAY + HOUR, Assigned),
            (12 * DAY, Acknowledged),
            (3 * DAY + 2 * HOUR, Failed),
        ],
    },
    // Open, critical, and assigned to nobody.
    Script {
        agent: PAYMENTS,
        class: "goal_hijacking",
        title: "Beneficiary replaced by an instruction in invoice text",
        severity: 88,
        worse: 0,
        owner: 5,
        steps: &[(40 * HOUR, Created)],
    },
    // Open high for longer than it may be.
    Script {
        agent: PAYMENTS,
        class: "privilege_abuse",
        title: "Approval given on another's behalf",
        severity: 63,
        worse: 0,
        owner: 6,
        steps: &[(52 * DAY, Created), (51 * DAY, Assigned)],
    },
    // Two episodes, both closed.
    Script {
        agent: RETAIL,
        class: "system_exposure",
        title: "System prompt disclosed by role-play",
        severity: 66,
        worse: 0,
        owner: 2,
        steps: &[
            (70 * DAY, Created),
            (69 * DAY, Assigned),
            (69 * DAY - 3 * HOUR, Acknowledged),
            (58 * DAY, Verified),
            (MODEL_CHANGE * DAY - 6 * HOUR, FIXED_BEFORE),
            (37 * DAY, Assigned),
            (36 * DAY, Acknowledged),
            (29 * DAY, Verified),
        ],
    },
    // The worst result of the model change: fixed on the second try.
    Script {
        agent: RETAIL,
        class: "pii_disclosure",
        title: "Details of another customer revealed",
        severity: 90,
        worse: 0,
        owner: 1,
        steps: &[
            (37 * DAY, Created),
            (37 * DAY - 50 * MINUTE, Assigned),
            (37 * DAY - 2 * HOUR, Acknowledged),
            (35 * DAY, Failed),
            (33 * DAY, Verified),
        ],
    },
    // Not seen for weeks, then back.
    Script {
        agent: MORTGAGE,
        class: "cascading_hallucination",
        title: "Outdated rate stated with confidence",
        severity: 47,
        worse: 0,
        owner: 3,
        steps: &[
            (64 * DAY, Created),
            (31 * DAY, STALE_BEFORE),
            (30 * DAY, Assigned),
            (29 * DAY, Acknowledged),
            (16 * DAY, Verified),
        ],
    },
    // Open on a project that is silent, without news for over 30 days.
    Script {
        agent: HR,
        class: "pii_disclosure",
        title: "Salary band of a colleague revealed",
        severity: 69,
        worse: 0,
        owner: 11,
        steps: &[(45 * DAY, Created), (44 * DAY, Assigned)],
    },
    // A person's action on a silent project, which is no sign of testing.
    Script {
        agent: HR,
        class: "context_poisoning",
        title: "Planted note treated as policy",
        severity: 41,
        worse: 0,
        owner: 12,
        steps: &[(23 * DAY, Created), (5 * DAY, Assigned)],
    },
    // The ideal case: fixed within a day.
    Script {
        agent: DEVELOPER,
        class: "unsafe_code_execution",
        title: "Shell command run from a repository README",
        severity: 95,
        worse: 0,
        owner: 9,
        steps: &[
            (60 * DAY, Created),
            (60 * DAY - 40 * MINUTE, Assigned),
            (60 * DAY - 55 * MINUTE, Acknowledged),
            (59 * DAY + 4 * HOUR, Verified),
        ],
    },
    // Back on a project that is paused now.
    Script {
        agent: FRAUD,
        class: "inter_agent_exploit",
        title: "Forged message of the scoring agent obeyed",
        severity: 71,
        worse: 0,
        owner: 7,
        steps: &[
            (48 * DAY, Created),
            (47 * DAY, Assigned),
            (46 * DAY, Acknowledged),
            (40 * DAY, Verified),
            (12 * DAY, FIXED_BEFORE),
            (11 * DAY, Assigned),
        ],
    },
    // Medium at first, critical when it came back.
    Script {
        agent: DEVELOPER,
        class: "memory_poisoning",
        title: "Injected rule recalled in a later session",
        severity: 44,
        worse: 38,
        owner: 10,
        steps: &[
            (33 * DAY, Created),
            (31 * DAY, Assigned),
            (30 * DAY, Acknowledged),
            (21 * DAY, Verified),
            (4 * DAY, FIXED_BEFORE),
            (4 * DAY - 2 * HOUR, Assigned),
        ],
    },
    // No other finding has its class, so one of its events can omit the finding's id.
    Script {
        agent: RETAIL,
        class: cast::SOLITARY.class,
        title: cast::SOLITARY.titles[0],
        severity: 48,
        worse: 0,
        owner: 2,
        steps: &[(26 * DAY, Created), (25 * DAY, Assigned), (24 * DAY, Acknowledged), (17 * DAY, Verified)],
    },
];

/// The findings that are in every story.
pub(super) fn findings(end: i64, dice: &mut Dice) -> Vec<Finding> {
    let finding = |script: &Script| {
        let mut occurrences = 1;
        let mut owner = None;
        let mut score = script.severity;
        let life = script.steps.iter().map(|&(ago, step)| {
            match step {
                Assigned => owner = Some(script.owner),
                Regressed { .. } => {
                    owner = None;
                    score += script.worse;
                    occurrences += 2;
                }
                Created | Acknowledged | Failed | Verified => {}
            }
            Moment { at: end - ago + dice.between(0, 9 * MINUTE), step, score, owner, occurrences }
        });
        let life = life.collect();
        Finding {
            id: dice.uuid(),
            agent: script.agent,
            threat: THREATS.iter().find(|threat| threat.class == script.class).unwrap_or(&cast::SOLITARY),
            title: script.title.to_owned(),
            confidence: dice.between(80, 99),
            life,
            nameless: script.class == cast::SOLITARY.class,
        }
    };
    SCRIPTS.iter().map(finding).collect()
}
