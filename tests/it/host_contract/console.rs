//! The worker's console in the host's log.

use super::PATIENCE;
use crate::host::{Category, Host, Level, ScriptRoot};

#[tokio::test]
async fn classifies_lines_by_stream_and_words() {
    let script = "echo out; echo 'an error, and a warning'; echo LanguageWorkerConsoleLog for the host
        echo plain >&2; echo 'a WARNing' >&2; echo 'LanguageWorkerConsoleLog bad' >&2; exec sleep 60";
    let root = ScriptRoot::connector().script("connector", script);
    let host = Host::builder(root).launch().await;
    host.wait_for_console(|line| line.text == " bad", PATIENCE).await;
    host.wait_for_console(|line| line.text == " for the host", PATIENCE).await;
    let of = |text: &str| {
        let line = host.console().into_iter().find(|line| line.text == text).unwrap();
        (line.level, line.category)
    };
    assert_eq!(of("out"), (Level::Information, Category::Worker));
    assert_eq!(of("an error, and a warning"), (Level::Information, Category::Worker));
    assert_eq!(of(" for the host"), (Level::Information, Category::System));
    assert_eq!(of("plain"), (Level::Error, Category::Worker));
    assert_eq!(of("a WARNing"), (Level::Warning, Category::Worker));
    assert_eq!(of(" bad"), (Level::Error, Category::System));
}

#[tokio::test]
async fn makes_the_last_three_errors_the_message_of_a_crash() {
    let script =
        "for word in one two three four; do echo $word >&2; done; echo 'a warning' >&2; sleep 0.2; exit 3";
    let root = ScriptRoot::connector().script("connector", script);
    let host = Host::builder(root).launch().await;
    let line = host.wait_for_console(|line| line.text.contains("exit status: 3"), PATIENCE).await;
    assert_eq!((line.level, line.category), (Level::Error, Category::System));
    assert!(line.text.ends_with(": two,three,four"), "{}", line.text);
}
