//! The platform's base URL, checked once, and whether two webhook URLs are the same.

use std::net::IpAddr;

use reqwest::Url;

use super::Error;

/// The platform's own; `hb` 2.13.0, `humanbound_cli/config.py`.
pub(super) const DEFAULT: &str = "https://api.humanbound.ai/api";

/// Checks a base URL that `what` names: absolute, https or loopback, and nothing but a path after the host.
pub(super) fn parse(what: &str, text: &str) -> Result<Url, Error> {
    let unusable = |problem: &str| Error::Unusable { what: what.to_owned(), problem: problem.to_owned() };
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| unusable("is no URL"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(unusable("names no host"));
    }
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if has_credentials || url.query().is_some() || url.fragment().is_some() {
        return Err(unusable("must hold no user, password, query or fragment"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(unusable("must begin with https:// unless it is on this machine")),
        _ => Err(unusable("must begin with https://")),
    }
}

/// `base` with more segments, each encoded.
pub(super) fn join(base: &Url, segments: &[&str]) -> Result<Url, Error> {
    let unusable = |what: String, problem: &str| Error::Unusable { what, problem: problem.to_owned() };
    let mut url = base.clone();
    let mut path =
        url.path_segments_mut().map_err(|()| unusable("the base URL".to_owned(), "cannot have a path"))?;
    path.pop_if_empty();
    for segment in segments {
        // The parser would leave these out and call something else.
        if matches!(*segment, "" | "." | "..") {
            return Err(unusable(format!("the id `{segment}`"), "is none"));
        }
        path.push(segment);
    }
    drop(path);
    Ok(url)
}

/// Whether two webhook URLs lead to the same connector: scheme, host, port and path decide, without regard to the case of
/// the host and to a `/` at the end of the path.
#[must_use]
pub fn same_connector(one: &str, other: &str) -> bool {
    match (normal(one), normal(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.trim() == other.trim(),
    }
}

fn normal(text: &str) -> Option<(String, String, Option<u16>, String)> {
    let url = Url::parse(text.trim()).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let path = url.path().trim_end_matches('/').to_owned();
    Some((url.scheme().to_owned(), host, url.port_or_known_default(), path))
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
