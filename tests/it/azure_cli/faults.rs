//! What the real `az` writes when something goes wrong, and what is made of it. The texts were written by azure-cli 2.91.0
//! against the loopback Azure; only the folder that it is installed in was changed in them.

use std::{collections::BTreeSet, fs, path::PathBuf};

use humanbound_sentinel::azure::{Error, Fault, catalogue};
use serde_json::json;

use super::recorded::{Answer, Recorded};

fn folder() -> PathBuf {
    PathBuf::from("tests/fixtures").join("az").join("stderr")
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Login(_) => "login",
        Error::NotFound(_) => "not found",
        Error::Rejected(_) => "rejected",
        _ => "other",
    }
}

/// A text, the exit code it came with, and what must be read from it.
struct Case {
    file: &'static str,
    exit: i32,
    kind: &'static str,
    code: Option<&'static str>,
    status: Option<u16>,
    message: &'static str,
    hint: Option<&'static str>,
}

const fn case(file: &'static str, exit: i32, kind: &'static str, message: &'static str) -> Case {
    Case { file, exit, kind, code: None, status: None, message, hint: None }
}

impl Case {
    const fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    const fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

const CASES: [Case; 17] = [
    case("authorization", 1, "rejected", "The client 'op@contoso.com'").code("AuthorizationFailed").hint(
        "`Microsoft.Resources/subscriptions/resourcegroups/read` is not allowed on /subscriptions/00000000",
    ),
    case(
        "badparam",
        1,
        "rejected",
        "unrecognized template parameter 'zz'. Allowed parameters: a, webhookSecret",
    ),
    case("locked", 1, "rejected", "The scope")
        .code("ScopeLocked")
        .hint("remove the lock on /subscriptions/0"),
    case("login_none", 1, "login", "Please run 'az login' to setup account.").hint("run `az login`"),
    case("login_tenant", 1, "login", "ValueError: OIDC Discovery failed")
        .code("AADSTS90002")
        .hint("run `az login`"),
    case("login_wrong", 1, "login", "msal.exceptions.MsalServiceError").hint("run `az login`"),
    case("nested_sdk", 1, "rejected", "Resource rg1 was disallowed by policy.")
        .code("RequestDisallowedByPolicy")
        .hint("exemption of rg1"),
    case("publish_403", 1, "rejected", "An error occured during deployment. Status Code: 403")
        .status(403)
        .hint("Entra ID role on the site"),
    case("publish_409", 1, "rejected", "There may be an ongoing deployment").hint("wait for the publishing"),
    case("publish_503", 1, "rejected", "An error occured during deployment. Status Code: 503").status(503),
    // `az` hides this one in a traceback of its own.
    case("put_409", 1, "rejected", "Unable to edit or replace deployment 'd3'")
        .code("DeploymentActive")
        .hint("wait for the deployment"),
    case("rest_404", 1, "not found", "gone").code("ResourceNotFound").status(404),
    case("rest_412", 1, "rejected", "Etag does not match").code("Conflict").status(412),
    case("rest_429", 1, "rejected", "The request is being throttled").code("TooManyRequests").status(429),
    case("rest_503", 1, "rejected", "try later").code("ServiceUnavailable").status(503),
    case("usage", 2, "rejected", "'frob' is misspelled or not recognized by the system."),
    case("validate_policy", 1, "rejected", "Resource 'func-x' was disallowed by policy.")
        .code("RequestDisallowedByPolicy")
        .hint("exemption of func-x"),
];

#[tokio::test]
async fn every_text_of_az_leads_to_its_innermost_cause() {
    for Case { file, exit, kind: expected, code, status, message, hint } in CASES {
        let text = fs::read_to_string(folder().join(format!("{file}.txt"))).unwrap();
        let recorded = Recorded::new().always("", Answer::error(exit, text));
        let error = recorded.az().version().await.unwrap_err();
        assert_eq!(kind(&error), expected, "{file}: {error:?}");
        let fault = error.fault().unwrap();
        assert_eq!((fault.code.as_deref(), fault.status), (code, status), "{file}: {fault:?}");
        assert!(fault.message.starts_with(message), "{file}: {:?}", fault.message);
        let given = error.hint();
        match hint {
            Some(hint) => {
                assert!(given.as_deref().is_some_and(|given| given.contains(hint)), "{file}: {given:?}");
            }
            None => assert!(given.is_none() || matches!(status, Some(429 | 503)), "{file}: {given:?}"),
        }
    }
}

#[test]
fn every_text_has_a_case() {
    let files: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, CASES.iter().map(|case| format!("{}.txt", case.file)).collect());
}

#[tokio::test]
async fn numbers_of_entra_id_call_for_a_login() {
    let text = "ERROR: AADSTS7000215: Invalid client secret provided. Trace ID: 1";
    let error = Recorded::new().always("", Answer::error(1, text)).az().version().await.unwrap_err();
    assert_eq!((kind(&error), error.code()), ("login", Some("AADSTS7000215")));
    assert!(error.to_string().contains("Invalid client secret"), "{error}");
}

#[tokio::test]
async fn exit_code_3_is_not_found_whatever_is_said() {
    let recorded = Recorded::new().always("", Answer::error(3, "ERROR: (X) m\nCode: X\nMessage: m"));
    let error = recorded.az().version().await.unwrap_err();
    assert_eq!((kind(&error), error.code()), ("not found", Some("X")));
}

#[test]
fn errors_of_azure_are_walked_to_the_leaf() {
    let inner = json!({"error": {"code": "PrincipalNotFound", "message": "Principal abc does not exist"}});
    let value = json!({"status": "Failed", "error": {"code": "DeploymentFailed", "message": "At least one", "details": [
        {"code": "ResourceDeploymentFailure", "message": "outer", "details": [
            {"code": "BadRequest", "message": inner.to_string(), "target": "x"},
        ]},
        {"code": "", "message": "second", "details": []},
    ]}});
    let fault = Fault::from_json(&value).unwrap();
    assert_eq!(fault.to_string(), "(PrincipalNotFound) Principal abc does not exist");
    assert_eq!(fault.others.len(), 1);
    assert_eq!((fault.others[0].code.as_deref(), fault.others[0].message.as_str()), (None, "second"));
    for nothing in
        [json!({}), json!({"properties": {}}), json!([]), json!("x"), json!(null), json!({"error": "x"})]
    {
        assert_eq!(Fault::from_json(&nothing), None, "{nothing}");
    }
    // A message within a message for ever ends somewhere.
    let mut deep = json!({"code": "Leaf", "message": "m"});
    for _ in 0..50 {
        deep = json!({"code": "Outer", "message": "m", "details": [deep]});
    }
    assert_eq!(Fault::from_json(&deep).unwrap().code.as_deref(), Some("Outer"));
}

#[test]
fn catalogue_knows_the_way_out() {
    let table = [
        (
            Some("MissingSubscriptionRegistration"),
            "The subscription is not registered to use namespace 'Microsoft.App'. See",
            "az provider register --namespace Microsoft.App --wait",
        ),
        (
            Some("RoleAssignmentUpdateNotPermitted"),
            "Tenant ID, application ID … are not allowed",
            "stale role assignment",
        ),
        (Some("RoleAssignmentExists"), "The role assignment already exists.", "stale role assignment"),
        (Some("SubscriptionIsOverQuotaForSku"), "quota", "--location"),
        (Some("LocationNotAvailableForResourceType"), "not available", "--location"),
        (
            Some("BadRequest"),
            "Requested features 'FlexConsumption' are not available in region",
            "--location",
        ),
        (
            Some("ConflictError"),
            "A vault with the same name already exists in deleted state.",
            "recoverKeyVault",
        ),
        (
            Some("Conflict"),
            "Data sink '/x' is already used in diagnostic setting 'theirs' for category 'Analytics'.",
            "enableSentinelHealth=false",
        ),
        (Some("InvalidOutputTable"), "x", "few minutes"),
        (Some("BadRequest"), "Failed to resolve table or column expression named 'x'", "few minutes"),
        (Some("PrincipalNotFound"), "x", "few minutes"),
    ];
    for (code, message, expected) in table {
        let fault = Fault { code: code.map(str::to_owned), message: message.to_owned(), ..Fault::default() };
        let hint = catalogue::hint(&fault).unwrap_or_else(|| panic!("{code:?}"));
        assert!(hint.contains(expected), "{code:?}: {hint}");
        assert!(!hint.ends_with('.') && hint.starts_with(|c: char| c.is_lowercase()), "{hint}");
    }
    let second_factor = Fault {
        code: Some("AADSTS50076".to_owned()),
        message: "AADSTS50076: you must use multi-factor … az login --tenant \"t-1\" --scope x".to_owned(),
        ..Fault::default()
    };
    assert_eq!(catalogue::login(&second_factor), "run `az login --tenant t-1`");
    let principal = Fault { code: Some("AADSTS7000215".to_owned()), ..Fault::default() };
    assert!(catalogue::login(&principal).starts_with("give the service principal a new secret"));
    assert_eq!(catalogue::hint(&Fault::default()), None);
}
