//! What is between here and the platform: repeats, proxies, certificates, clocks.

use humanbound_sentinel::humanbound::{Client, Error, Fault, Replay};
use tokio::net::TcpListener;

use super::Stage;
use super::server::{Reply, Server, Tunnel, json, with_header};

#[tokio::test]
async fn gets_and_deletes_are_repeated_three_times() {
    let stage = Stage::with_key().await;
    let client = stage.client();
    stage.platform.script([json(502, ""), Reply::HangUp, json(503, ""), json(200, "[]")]);
    assert_eq!(client.webhooks().await.unwrap(), []);
    assert_eq!(stage.sleeps(), [500, 1000, 2000]);
    stage.platform.script([json(504, ""), json(429, ""), json(502, ""), json(502, r#"{"message":"down"}"#)]);
    let error = client.delete_webhook("w").await.unwrap_err();
    assert_eq!(error.to_string(), "the platform fails (502): down");
    assert_eq!(stage.platform.seen().len(), 8);
}

#[tokio::test]
async fn a_500_is_not_repeated() {
    let stage = Stage::with_key().await;
    stage.platform.script([json(500, "")]);
    stage.client().webhooks().await.unwrap_err();
    assert_eq!((stage.platform.seen().len(), stage.sleeps().len()), (1, 0));
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_a_minute() {
    let stage = Stage::with_key().await;
    let client = stage.client();
    stage.platform.script([
        with_header(429, "Retry-After: 7", ""),
        with_header(503, "Retry-After: Sat, 28 Nov 2026 12:01:00 GMT", ""),
        with_header(503, "Retry-After: 0", ""),
        json(200, "[]"),
    ]);
    client.webhooks().await.unwrap();
    assert_eq!(stage.sleeps(), [7_000, 60_000, 2_000]);
    stage.platform.script([with_header(429, "Retry-After: 61", "")]);
    let error = client.webhooks().await.unwrap_err();
    assert_eq!(error.hint(), "try again in 61 s");
    assert_eq!(stage.sleeps().len(), 3);
}

#[tokio::test]
async fn a_post_whose_connection_ends_is_unclear_and_sent_once() {
    let stage = Stage::with_key().await;
    let client = stage.client();
    stage.platform.script([Reply::HangUp]);
    let error = client.replay("w", &Replay::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unclear { status: None, .. }), "{error:?}");
    stage.platform.script([Reply::HangUp]);
    let error = client.test_webhook("w").await.unwrap_err();
    assert!(matches!(error, Error::Unclear { status: None, .. }), "{error:?}");
    assert_eq!((stage.platform.seen().len(), stage.sleeps().len()), (2, 0));
}

/// The fault of a client that cannot reach its platform.
async fn fault(client: &Client) -> Fault {
    match client.replay("w", &Replay::default()).await.unwrap_err() {
        Error::Unreachable { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_post_that_never_left_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let stage = Stage::with_key().await.set("HUMANBOUND_BASE_URL", format!("http://127.0.0.1:{free}/api"));
    assert_eq!(fault(&stage.client()).await, Fault::Connect);
    let stage = Stage::with_key().await.set("HUMANBOUND_BASE_URL", "https://no.such.host.invalid/api");
    assert_eq!(fault(&stage.client()).await, Fault::Dns);
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_told_apart() {
    let stage = Stage::with_key().await;
    for (from, until, trusted, expected) in [
        (2020, 2090, false, Fault::UntrustedAuthority),
        (2020, 2021, true, Fault::CertificateExpired),
        (2089, 2090, true, Fault::CertificateNotYetValid),
    ] {
        let server = Server::start(Some(stage.authority.server(from, until))).await;
        let mut variables = stage.variables.clone();
        variables.insert("HUMANBOUND_BASE_URL".into(), format!("https://127.0.0.1:{}/api", server.port));
        if !trusted {
            variables.remove("SSL_CERT_FILE");
        }
        let settings =
            humanbound_sentinel::config::platform(&humanbound_sentinel::config::Env::Map(variables));
        let client = Client::open(&settings, None, stage.timing()).unwrap();
        assert_eq!(fault(&client).await, expected);
        assert!(server.seen().is_empty());
    }
    let server = Server::start(None).await;
    let stage = stage.set("HUMANBOUND_BASE_URL", format!("https://127.0.0.1:{}/api", server.port));
    assert_eq!(fault(&stage.client()).await, Fault::Tls);
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_taken_for_https_alone() {
    let stage = Stage::with_key().await;
    let server = Server::start(Some(stage.authority.server(2020, 2090))).await;
    let tunnel = Tunnel::start(server.port, 200).await;
    let proxy = format!("http://user:p%40ss@127.0.0.1:{}", tunnel.port);
    // Plain http to this machine goes straight there: a proxy would see the key.
    let stage = stage.set("ALL_PROXY", proxy.clone()).set("http_proxy", proxy.clone());
    stage.platform.script([json(200, "[]")]);
    stage.client().webhooks().await.unwrap();
    assert_eq!(tunnel.asked(), [""; 0]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let mut variables = stage.variables.clone();
        variables.remove("ALL_PROXY");
        variables.insert(name.into(), proxy.clone());
        variables.insert("HUMANBOUND_BASE_URL".into(), "https://platform.example/api".into());
        let settings =
            humanbound_sentinel::config::platform(&humanbound_sentinel::config::Env::Map(variables));
        assert!(!format!("{settings:?}").contains("p%40ss"));
        server.script([json(200, "[]")]);
        let client = Client::open(&settings, None, stage.timing()).unwrap();
        assert_eq!(client.webhooks().await.unwrap(), []);
        assert_eq!(
            tunnel.asked().last().unwrap(),
            "CONNECT platform.example:443 Basic dXNlcjpwQHNz",
            "{name}"
        );
    }
}

#[tokio::test]
async fn no_proxy_is_honoured_and_a_proxy_that_refuses_is_named() {
    let stage = Stage::with_key().await;
    let server = Server::start(Some(stage.authority.server(2020, 2090))).await;
    let tunnel = Tunnel::start(server.port, 403).await;
    let stage = stage
        .set("HUMANBOUND_BASE_URL", format!("https://127.0.0.1:{}/api", server.port))
        .set("HTTPS_PROXY", format!("http://127.0.0.1:{}", tunnel.port));
    assert_eq!(fault(&stage.client()).await, Fault::Proxy);
    assert_eq!(tunnel.asked().len(), 1);
    server.script([json(200, "[]")]);
    let stage = stage.set("NO_PROXY", "example.com,127.0.0.1");
    stage.client().webhooks().await.unwrap();
    assert_eq!(tunnel.asked().len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_noticed() {
    let stage = Stage::with_key().await;
    let client = stage.client();
    for (date, expected) in [
        ("Date: Sat, 28 Nov 2026 11:00:00 GMT", Some(3600)),
        ("Date: Sat, 28 Nov 2026 12:04:59 GMT", None),
        ("Date: Sat, 28 Nov 2026 12:10:00 GMT", Some(-600)),
    ] {
        stage.platform.script([with_header(200, date, "[]")]);
        client.webhooks().await.unwrap();
        assert_eq!(client.clock_off(), expected, "{date}");
    }
}
