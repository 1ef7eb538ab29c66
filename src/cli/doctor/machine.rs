//! Checks of this machine: the folder of state and login, the programs that are needed, the connection to the internet.

use std::path::Path;

use super::Patient;
use super::tree::Check;
use crate::azure::{self, Tool, catalogue, process::RunError};

/// Before this version `az` hides errors of deployments: <https://github.com/Azure/azure-cli/issues/32261>.
const GOOD_AZ: (u32, u32) = (2, 78);

pub(super) async fn check(patient: &Patient<'_>) -> Check {
    let (az, func) = tokio::join!(patient.context.az.version(), patient.context.az.func_version());
    let checks = vec![
        home(patient),
        state(patient),
        network(patient),
        az_program(patient, az),
        func_program(func.ok()),
    ];
    Check::ok(("machine", "This machine"), "").with(checks)
}

fn home(patient: &Patient<'_>) -> Check {
    let of = ("home", "Home folder");
    let Some(folder) = &patient.folder else {
        return Check::failed(of, "no home folder is known", "set `HOME`");
    };
    let open: Vec<_> = [
        (folder.clone(), "700"),
        (folder.join("credentials.json"), "600"),
        (folder.join("sentinel.json"), "600"),
    ]
    .into_iter()
    .filter(|(path, _)| is_open(path))
    .collect();
    match open.as_slice() {
        [] => Check::ok(of, folder.display().to_string()),
        some => {
            let names: Vec<_> = some.iter().map(|(path, _)| path.display().to_string()).collect();
            let fixes: Vec<_> =
                some.iter().map(|(path, mode)| format!("`chmod {mode} {}`", path.display())).collect();
            Check::warning(
                of,
                format!("others can read {}", names.join(", ")),
                format!("run {}", fixes.join(", ")),
            )
        }
    }
}

/// Whether anybody but its owner may do anything with it.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

/// On other systems the home folder is private by default.
#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

fn state(patient: &Patient<'_>) -> Check {
    let of = ("state", "State");
    match &patient.state {
        Err(error) => Check::failed(of, error.to_string(), error.hint()),
        Ok(state) => {
            let count = state.connections().count();
            let noun = if count == 1 { "organisation" } else { "organisations" };
            Check::ok(of, format!("{count} {noun}"))
        }
    }
}

fn network(patient: &Patient<'_>) -> Check {
    let proxy = if patient.settings.proxy.https.is_some() { "through a proxy" } else { "directly" };
    let roots = &patient.settings.root_certificates;
    let roots = roots.as_ref().map_or_else(String::new, |file| format!(", also trusting {}", file.display()));
    Check::ok(("network", "Network"), format!("{proxy}{roots}"))
}

fn az_program(patient: &Patient<'_>, version: Result<String, azure::Error>) -> Check {
    let of = ("az", "Azure CLI");
    match version {
        Ok(version) => {
            let mut parts = version.split('.').map_while(|part| part.parse().ok());
            let is_old = (parts.next(), parts.next()) < (Some(GOOD_AZ.0), Some(GOOD_AZ.1));
            if is_old {
                return Check::warning(
                    of,
                    format!("version {version} hides errors of deployments"),
                    "run `az upgrade`",
                );
            }
            Check::ok(of, version)
        }
        Err(error) => {
            let fix = catalogue::install(Tool::Az, std::env::consts::OS);
            let fix = if matches!(error, azure::Error::Run(RunError::Missing(_))) {
                fix
            } else {
                "run `az version`, and correct what it says"
            };
            if patient.deployed.is_some() {
                return Check::failed(of, error.to_string(), fix);
            }
            Check::warning(of, format!("{error}; `deploy` needs it"), fix)
        }
    }
}

fn func_program(version: Option<String>) -> Check {
    let detail = version.unwrap_or_else(|| "not installed, and not needed: az publishes".to_owned());
    Check::ok(("func", "Functions Core Tools"), detail)
}
