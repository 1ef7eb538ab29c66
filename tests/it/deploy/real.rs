//! The real `az` deploys the committed template to the loopback Azure, by the command that an operator types.

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use humanbound_sentinel::cli::{self, Captured, Sink, Surroundings};
use humanbound_sentinel::config::Env;
use humanbound_sentinel::humanbound::Timing;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::infra::loopback::Loopback;

/// Runs `deploy` without a webhook: the platform cannot reach what stands behind this Azure.
async fn deploy(azure: &Loopback, more: &[&str]) -> (u8, Value) {
    let captured = Arc::<Mutex<Captured>>::default();
    let home = azure.folder.0.to_str().unwrap().to_owned();
    let own = [("HOME".to_owned(), home.clone()), ("USERPROFILE".to_owned(), home)];
    let env = Env::Map(own.into_iter().chain(azure.proxied()).collect());
    let timing = Timing::new(OffsetDateTime::now_utc, |_| tokio::task::yield_now().boxed());
    let sink = Sink::Memory(Arc::clone(&captured));
    let surroundings = Surroundings { env, timing, sink, runner: Some(Arc::new(azure.system())) };
    let package = azure.folder.0.join("connector.zip");
    let fixed =
        ["deploy", "--rg", "rg-humanbound", "--no-connect", "--json", "--package", package.to_str().unwrap()];
    let code = cli::run_in(&[&fixed[..], more].concat(), surroundings).await.unwrap();
    let said = captured.lock().unwrap().clone();
    (code, serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

#[tokio::test]
async fn the_real_az_deploys_once_and_finds_all_of_it_the_second_time() {
    let Some(azure) = Loopback::start("AzureCloud", "`deploy` with the real az") else { return };
    std::fs::write(azure.folder.0.join("connector.zip"), crate::package::sample()).unwrap();
    azure.log_in();
    azure.ask("/manage", &json!({"unregistered": ["microsoft.app"], "health": {"status": "misconfigured", "version": env!("CARGO_PKG_VERSION")}}));
    let (code, first) = deploy(&azure, &["--yes"]).await;
    assert_eq!((code, &first["result"]["state"]), (0, &json!("deployed")), "{first:#}");
    let state = azure.state();
    assert_eq!(state["published"].as_array().unwrap().len(), 1);
    let puts = state["puts"].as_array().unwrap().len();

    let (code, again) = deploy(&azure, &[]).await;
    assert_eq!((code, &again["result"]["state"]), (0, &json!("unchanged")), "{again:#}");
    let state = azure.state();
    assert_eq!(
        (state["published"].as_array().unwrap().len(), state["puts"].as_array().unwrap().len()),
        (1, puts)
    );
}
