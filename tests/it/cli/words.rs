//! What the commands say of themselves.

use super::Desk;

#[tokio::test]
async fn shells_and_man_learn_every_command() {
    let desk = Desk::start().await;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = desk.run(&["completions", shell]).await.ends(0);
        assert!(ran.stdout.contains("disconnect") && !ran.stdout.contains("__feed"), "{shell}");
    }
    let folder = desk.home.path().join("man");
    desk.run(&["man", folder.to_str().unwrap()]).await.ends(0);
    for page in ["hb-sentinel.1", "hb-sentinel-connect.1", "hb-sentinel-disconnect.1"] {
        assert!(std::fs::read_to_string(folder.join(page)).unwrap().contains(".TH"), "{page}");
    }
}
