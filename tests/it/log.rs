//! The log stays out of the way: neither a closed stream nor a flood of faults harms the process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::programs;
use crate::rig::{Folder, SECRET, SOON};

/// A connector on its own, with a pipe for each stream, that listens.
fn start(spool: &Folder) -> (Child, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let variables = [
        ("WEBHOOK_SECRET", SECRET),
        ("LOGS_INGESTION_ENDPOINT", "http://127.0.0.1:1"),
        ("DCR_IMMUTABLE_ID", "dcr-00000000000000000000000000000000"),
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token"),
        ("IDENTITY_HEADER", "header"),
        ("SPOOL_DIR", spool.path().to_str().unwrap()),
    ];
    let mut connector = programs::connector(variables);
    let child = connector.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).spawn().unwrap();
    let until = Instant::now() + SOON;
    while Instant::now() < until && TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, port)
}

/// The status line of one request.
fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_closed_stderr_ends_nothing() {
    let spool = Folder::new();
    let (mut child, port) = start(&spool);
    drop((child.stdout.take(), child.stderr.take()));
    for _ in 0..3 {
        // The first of them is worth a warning.
        let line = ask(port, "POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert!(line.contains(" 401 "), "{line}");
    }
    assert!(child.try_wait().unwrap().is_none(), "it runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_descriptors_is_told_once_in_ten_seconds() {
    let spool = Folder::new();
    let (mut child, port) = start(&spool);
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    let limit = format!("--nofile={}:", open + 2);
    let limited = Command::new("prlimit").args(["--pid", &child.id().to_string(), &limit]).status();
    assert!(limited.unwrap().success());
    let waiting: Vec<_> = (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(1_500));
    child.kill().unwrap();
    drop(waiting);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    child.wait().unwrap();
    let lines = told.lines().filter(|line| line.contains("accept_failed")).count();
    assert_eq!(lines, 1, "{told}");
}
