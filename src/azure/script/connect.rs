//! The end of a script: webhook, test event and row where `hb-sentinel` is installed; else what is left to do, as commands.

use super::{Writer, put, quote};
use crate::azure::{
    Method,
    call::Input,
    calls::{self, segment},
};

impl Writer<'_> {
    pub(super) fn end(&self) -> String {
        if !self.plan.connects {
            return "\nsay 'deployed; nothing is connected: hb-sentinel deploy without --no-connect does that'\n"
                .to_owned();
        }
        let organisation =
            self.options.organisation.as_ref().map_or_else(String::new, |id| format!(" --org {}", quote(id)));
        let connect = format!("hb-sentinel connect --url \"$connector_url\"{organisation}");
        let ping = format!("hb-sentinel test{organisation}");
        let mut text = String::from("\nsince=\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"\n");
        if self.plan.needs_secret {
            put(
                &mut text,
                format_args!(
                    "if [ -z \"$webhook_secret\" ]; then\n{}elif command -v hb-sentinel >/dev/null; then\n  \
                     printf '%s\\n' \"$webhook_secret\" | {connect} --secret-file - \
                     || fail 'connect failed' 'see what is wrong above, then run hb-sentinel deploy'\nelse\n{}fi\n",
                    self.left(),
                    self.left()
                ),
            );
        } else {
            put(
                &mut text,
                format_args!(
                    "say 'the webhook stays as it is'\nif command -v hb-sentinel >/dev/null; then\n  \
                     {ping} </dev/null || fail 'test failed' 'see what is wrong above'\nelse\n  \
                     say 'left to do, where hb-sentinel is installed: hb-sentinel test'\n  exit 3\nfi\n"
                ),
            );
        }
        text.push_str(&self.row());
        text
    }

    /// What is left to do by hand when nothing can be connected here.
    fn left(&self) -> String {
        let organisation =
            self.options.organisation.as_ref().map_or_else(String::new, |id| format!(" --org {id}"));
        let show = "az keyvault secret show --vault-name ${key_vault_resource_id##*/} --name webhook-secret --query value -o tsv";
        format!(
            "  say 'left to do, where hb-sentinel is installed and you may read the secret:'\n  \
             say \"  {show} | hb-sentinel connect --url $connector_url --secret-file -\"{}\n  \
             say '  hb-sentinel status, until the test event is a row'\n  exit 3\n",
            quote(&organisation)
        )
    }

    /// Waits until the table has a row that came since the webhook was tested.
    fn row(&self) -> String {
        let logs = self.options.logs.trim_end_matches('/');
        let query = "AISecurityEvents_CL | where ReceivedTime >= datetime(SINCE) and EventFamily != \"connector\" | count";
        let body = serde_json::json!({ "query": query }).to_string();
        let post = calls::rest(Method::Post, format!("{logs}/v1/workspaces/{}/query", segment("WORKSPACE")))
            .with("--resource", logs)
            .with("--body", "@-")
            .with("--query", "tables[0].rows[0][0]")
            .with("--subscription", &self.plan.scope.subscription)
            .plain("tsv")
            .reading(Input::Text("BODY".to_owned()));
        let body = body.split("SINCE").map(quote).collect::<Vec<_>>().join("\"$since\"");
        let address = format!("{}\"$workspace_id\"/query", quote(&format!("{logs}/v1/workspaces/")));
        let post = self
            .command(&post)
            .replace(&quote("BODY"), &body)
            .replace(&quote(&format!("{logs}/v1/workspaces/WORKSPACE/query")), &address);
        format!(
            "\nsay 'wait for the row of the test event'\nrows=0\nfor ((poll = 0; poll < 30; poll++)); do\n  \
             [ \"$poll\" -eq 0 ] || sleep 10\n  rows=\"$({post} 2>/dev/null || true)\"\n  \
             [ \"${{rows:-0}}\" = 0 ] || break\ndone\nif [ \"${{rows:-0}}\" = 0 ]; then\n  \
             say 'the row is not seen yet: a new table takes up to 15 minutes, new roles up to 30; nothing is lost'\n  \
             say 'look with: hb-sentinel status'\n  exit 3\nfi\nsay 'the test event is a row of AISecurityEvents_CL'\n"
        )
    }
}
