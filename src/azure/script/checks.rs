//! What a script looks at when everything is published: the four checks of a deployment, each with its reason.

use super::{Writer, put, quote};
use crate::azure::{
    Method,
    call::Call,
    calls::{self, api},
};

/// Asks a list page by page, which `az rest` does not, and counts what fits; until there are enough of them.
const FUNCTIONS: &str = r#"
count() {
  local next="$1" total=0 page
  while [ -n "$next" ]; do
    page="$(READ)" || return 1
    total=$((total + ${page%% *}))
    next="${page#* }"
  done
  printf '%s\n' "$total"
}

expect() {
  local found=0 try
  for ((try = 0; try < 5; try++)); do
    [ "$try" -eq 0 ] || sleep 10
    found="$(count "$2" "$3")" || found=0
    [ "$found" -lt "$4" ] || break
  done
  [ "$found" -ge "$4" ] || fail "$1: $found of $4 are there" "$5"
  say "$1: $found"
}
"#;

/// What brings content that is not there.
const AGAIN: &str = "wait some minutes, then run this script again; what is there stays";

impl Writer<'_> {
    pub(super) fn checks(&self) -> String {
        let mut text = self.health();
        let Some(content) = &self.options.content else { return text };
        text.push_str(&FUNCTIONS.replace("READ", &self.page()));
        let sentinel = format!(
            "providers/Microsoft.SecurityInsights/onboardingStates/default?api-version={}",
            api::SENTINEL
        );
        let get = self.of_workspace(&get().silent(&self.plan.scope.subscription), &sentinel);
        put(
            &mut text,
            format_args!(
                "\n{get} || fail 'Microsoft Sentinel is not on for the workspace' {}\n",
                quote(AGAIN)
            ),
        );
        let rules = format!("providers/Microsoft.SecurityInsights/alertRules?api-version={}", api::SENTINEL);
        let all: Vec<_> = content.rules.iter().map(|(name, _)| name.as_str()).collect();
        let on: Vec<_> = content.rules.iter().filter(|(_, on)| *on).map(|(name, _)| name.as_str()).collect();
        let named = |names: &[&str]| format!("contains({}, properties.displayName)", literal(names));
        let switched_on = format!("{} && properties.enabled", named(&on));
        let off = "switch them on in Microsoft Sentinel, then run this script again";
        let searches = format!("savedSearches?api-version={}", api::SEARCHES);
        let hunts = "contains(id, '/savedSearches/humanbound_')";
        for (title, list, filter, count, hint) in [
            ("analytic rules", &rules, named(&all).as_str(), all.len(), AGAIN),
            ("analytic rules that are on", &rules, &switched_on, on.len(), off),
            ("hunting queries", &searches, hunts, content.hunts, AGAIN),
        ] {
            put(
                &mut text,
                format_args!(
                    "expect {} \"$workspace_resource_id/{list}\" {} {count} {}\n",
                    quote(title),
                    quote(filter),
                    quote(hint)
                ),
            );
        }
        text
    }

    /// Waits until the connector answers, with the version that was published.
    fn health(&self) -> String {
        let query = if self.options.version.is_some() { "join(' ', [status, version])" } else { "status" };
        let get = get().word("--skip-authorization-header").with("--query", query);
        let get = self.command(&get.with("--subscription", &self.plan.scope.subscription).plain("tsv"));
        let get = get.replace(&quote("ADDRESS"), "\"${connector_url%/ingest}/health\"");
        let version = self.options.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        let good =
            ["ok", "degraded"].into_iter().chain(self.may_lack_its_secret().then_some("misconfigured"));
        let good: Vec<_> = good.map(|status| quote(&format!("{status}{version}"))).collect();
        format!(
            "\nsay 'wait for the connector'\nhealth=''\nfor ((poll = 0; poll < 18; poll++)); do\n  \
             [ \"$poll\" -eq 0 ] || sleep 10\n  health=\"$({get} 2>/dev/null || true)\"\n  case \"$health\" in\n    \
             {good}) break ;;\n  esac\ndone\ncase \"$health\" in\n  {good}) say \"the connector says: $health\" ;;\n  \
             '') fail 'the connector does not answer' {log} ;;\n  \
             *) fail \"the connector says: $health\" {log} ;;\nesac\n",
            good = good.join(" | "),
            log = quote("see the log of the Function App, then run this script again"),
        )
    }

    /// Before its secret comes, the connector says that it is misconfigured, and is right.
    fn may_lack_its_secret(&self) -> bool {
        let comes_later = self.plan.steps.iter().any(|step| step.id == "secret" && !step.changes.is_empty());
        comes_later || !self.plan.connects
    }

    /// One page of a list: how many of its items fit, and where the next page is.
    fn page(&self) -> String {
        let get = get().with("--query", "QUERY").with("--subscription", &self.plan.scope.subscription);
        let query = r#""join(' ', [to_string(length(value[?$2])), not_null(nextLink, '')])""#;
        let get = self.command(&get.plain("tsv"));
        get.replace(&quote("ADDRESS"), "\"$next\"").replace(&quote("QUERY"), query)
    }

    fn of_workspace(&self, get: &Call, below: &str) -> String {
        self.command(get).replace(&quote("ADDRESS"), &format!("\"$workspace_resource_id/{below}\""))
    }
}

fn get() -> Call {
    calls::rest(Method::Get, "ADDRESS")
}

/// Names as a list in a query of `az`: <https://jmespath.org/specification.html#literal-expressions>.
fn literal(names: &[&str]) -> String {
    format!("`{}`", serde_json::json!(names).to_string().replace('`', "\\`"))
}
