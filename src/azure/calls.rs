//! Every call of `az` and `func`, built by pure functions: one place for options and API versions.
//!
//! Only this module builds calls that change something, so that a deployment, its plan and its script cannot differ.

use std::time::Duration;

use super::call::{Call, File, Input, Word};

/// API versions of Azure: the newest stable ones.
pub(crate) mod api {
    pub(in crate::azure) const AUTHORIZATION: &str = "2022-04-01";
    pub(in crate::azure) const DEPLOYMENTS: &str = "2025-04-01";
    pub(in crate::azure) const RESOURCES: &str = "2021-04-01";
    /// <https://learn.microsoft.com/rest/api/loganalytics/saved-searches/list-by-workspace>
    pub(crate) const SEARCHES: &str = "2025-02-01";
    /// <https://learn.microsoft.com/rest/api/securityinsights/alert-rules/list>
    pub(crate) const SENTINEL: &str = "2025-09-01";
    pub(in crate::azure) const SITES: &str = "2025-03-01";
    pub(in crate::azure) const VAULTS: &str = "2023-07-01";
    pub(in crate::azure) const WORKSPACES: &str = "2023-09-01";
}

/// The tag of what `hb-sentinel` made: the resource group, and the resources of a deployment.
pub const TAG: (&str, &str) = ("humanbound-sentinel", "created");

/// The tag of a site that says which package it runs.
pub const PACKAGE_TAG: &str = "humanbound-package";

/// Registering takes a minute or two for each namespace.
const REGISTERING: Duration = Duration::from_secs(15 * 60);
/// A prediction takes some minutes.
const PREDICTING: Duration = Duration::from_secs(10 * 60);
/// `az` waits a minute after an upload, then up to ten for the host.
const PUBLISHING: Duration = Duration::from_secs(20 * 60);
/// What `az` itself waits for the host, in seconds.
const HOST_SECONDS: &str = "600";

/// A subscription and a resource group in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Id of the subscription.
    pub subscription: String,
    /// Name of the resource group, which need not exist.
    pub group: String,
}

impl Scope {
    /// The path of the subscription.
    #[must_use]
    pub fn subscription_path(&self) -> String {
        format!("/subscriptions/{}", segment(&self.subscription))
    }

    /// The path of the resource group.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/resourceGroups/{}", self.subscription_path(), segment(&self.group))
    }

    /// The path of a deployment of the resource group.
    pub(super) fn deployment_path(&self, name: &str) -> String {
        format!("{}/providers/Microsoft.Resources/deployments/{}", self.path(), segment(name))
    }

    pub(super) fn provider_show(&self, namespace: &str) -> Call {
        Call::az(&["provider", "show"]).with("--namespace", namespace).json(&self.subscription)
    }

    pub(super) fn provider_register(&self, namespace: &str) -> Call {
        Call::az(&["provider", "register"])
            .with("--namespace", namespace)
            .word("--wait")
            .silent(&self.subscription)
            .changing()
            .within(REGISTERING)
    }

    pub(super) fn group_show(&self) -> Call {
        Call::az(&["group", "show"]).with("--name", &self.group).json(&self.subscription)
    }

    pub(super) fn group_create(&self, location: &str) -> Call {
        Call::az(&["group", "create"])
            .with("--name", &self.group)
            .with("--location", location)
            .with("--tags", format!("{}={}", TAG.0, TAG.1))
            .silent(&self.subscription)
            .changing()
    }

    /// Starts a deployment of the template and returns at once. The parameters are in a file; a secret is passed beside it.
    pub(super) fn deployment_create(&self, name: &str, with_secret: bool) -> Call {
        let call = Call::az(&["deployment", "group", "create"])
            .with("--resource-group", &self.group)
            .with("--name", name)
            .with("--template-file", Word::file(File::Template))
            .with("--parameters", Word::from("@").then(Word::file(File::Parameters)));
        let call = if with_secret {
            let input = Input::Secret { before: r#"{"webhookSecret":{"value":"#, after: "}}" };
            call.with("--parameters", "@-").reading(input)
        } else {
            call
        };
        call.with("--no-prompt", "true").word("--no-wait").silent(&self.subscription).changing()
    }

    /// Stops a deployment; what it is making at that moment is made to its end.
    pub(super) fn deployment_cancel(&self, name: &str) -> Call {
        Call::az(&["deployment", "group", "cancel"])
            .with("--resource-group", &self.group)
            .with("--name", name)
            .silent(&self.subscription)
            .changing()
    }

    /// Azure's prediction of what a deployment would change, without the secret.
    pub(super) fn deployment_what_if(&self, name: &str) -> Call {
        Call::az(&["deployment", "group", "what-if"])
            .with("--resource-group", &self.group)
            .with("--name", name)
            .with("--template-file", Word::file(File::Template))
            .with("--parameters", Word::from("@").then(Word::file(File::Parameters)))
            .with("--no-prompt", "true")
            .word("--no-pretty-print")
            .json(&self.subscription)
            .within(PREDICTING)
    }

    /// Publishes the package as it is, byte for byte.
    pub(super) fn publish(&self, site: impl Into<Word>) -> Call {
        Call::az(&["functionapp", "deployment", "source", "config-zip"])
            .with("--resource-group", &self.group)
            .with("--name", site)
            .with("--src", Word::file(File::Package))
            .with("--timeout", HOST_SECONDS)
            .silent(&self.subscription)
            .changing()
            .within(PUBLISHING)
    }

    /// Publishes the content of the package with Core Tools, which make a new zip of it. They sign in through `az`.
    pub(super) fn publish_with_func(&self, site: impl Into<Word>) -> Call {
        let mut call = Call::az(&["azure", "functionapp", "publish"]).word(site);
        call.tool = super::Tool::Func;
        call.folder = Some(File::Unpacked);
        call.word("--no-build").with("--subscription", &self.subscription).changing().within(PUBLISHING)
    }

    /// Adds one tag to a resource, and keeps its others.
    pub(super) fn tag(&self, id: impl Into<Word>, name: &str, value: &str) -> Call {
        Call::az(&["tag", "update"])
            .with("--resource-id", id)
            .with("--operation", "merge")
            .with("--tags", format!("{name}={value}"))
            .silent(&self.subscription)
            .changing()
    }

    pub(super) fn settings_list(&self, site: &str) -> Call {
        self.site(&["functionapp", "config", "appsettings", "list"], site).json(&self.subscription)
    }

    /// Writes settings: a JSON object of texts on standard input, since `az` would read a value with a leading `@` as a file.
    pub(super) fn settings_set(&self, site: &str, json: String) -> Call {
        let call = self.site(&["functionapp", "config", "appsettings", "set"], site);
        call.with("--settings", "@-").silent(&self.subscription).reading(Input::Text(json)).changing()
    }

    pub(super) fn settings_delete(&self, site: &str, names: &[&str]) -> Call {
        let call =
            self.site(&["functionapp", "config", "appsettings", "delete"], site).word("--setting-names");
        names.iter().fold(call, |call, name| call.word(*name)).silent(&self.subscription).changing()
    }

    pub(super) fn keys_list(&self, site: &str) -> Call {
        self.site(&["functionapp", "keys", "list"], site).json(&self.subscription)
    }

    /// Counts blobs by their names, with the operator's own sign-in: the account takes no key. `az storage` and not `az rest`,
    /// since the blob service answers in XML and in pages.
    pub(super) fn blobs_count(&self, account: &str, container: &str, prefix: &str) -> Call {
        Call::az(&["storage", "blob", "list"])
            .with("--account-name", account)
            .with("--container-name", container)
            .with("--prefix", prefix)
            .with("--auth-mode", "login")
            .with("--num-results", "5000")
            .with("--query", "length(@)")
            .json(&self.subscription)
    }

    fn site(&self, words: &[&str], site: &str) -> Call {
        Call::az(words).with("--resource-group", &self.group).with("--name", site)
    }

    /// Writes a new version of the secret through the control plane, which needs no role on the vault's data.
    pub(super) fn secret_put(&self, vault: impl Into<Word>) -> Call {
        let url = vault.into().then(format!("/secrets/{SECRET_NAME}?api-version={}", api::VAULTS));
        let input = Input::Secret { before: r#"{"properties":{"value":"#, after: "}}" };
        rest(Method::Put, url).with("--body", "@-").reading(input).silent(&self.subscription)
    }

    /// Makes a site resolve the references in its settings again.
    /// <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references#rotation>
    pub(super) fn references_refresh(&self, site: impl Into<Word>) -> Call {
        let url = site
            .into()
            .then(format!("/config/configreferences/appsettings/refresh?api-version={}", api::SITES));
        rest(Method::Post, url).silent(&self.subscription)
    }
}

/// A request to Azure Resource Manager: a path with its query, or a whole address.
pub(super) fn rest(method: Method, url: impl Into<Word>) -> Call {
    let call = Call::az(&["rest"]).with("--method", method.name()).with("--url", url);
    if method == Method::Get { call } else { call.changing() }
}

/// The name of the secret in the vault.
pub(super) const SECRET_NAME: &str = "webhook-secret";

/// A method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or replaces.
    Put,
    /// Runs an action, or a query with a body.
    Post,
    /// Deletes.
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

/// A name as one segment of a path, escaped so that no character can end the segment.
/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
#[must_use]
pub fn segment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&crate::signature::lower_hex(&[byte]).to_ascii_uppercase());
        }
    }
    encoded
}
