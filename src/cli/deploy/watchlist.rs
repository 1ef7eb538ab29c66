//! The watchlist `HumanboundProjects`: one item for each project; what analysts wrote stays.
//!
//! Writing the whole watchlist again would add every changed row a second time, so single items are written:
//! <https://learn.microsoft.com/azure/sentinel/watchlists-manage#bulk-update-a-watchlist>.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::azure::{Azure, Error};
use crate::cli::platform::Told as _;
use crate::humanbound::{Client, Project};

/// Name and alias of the list, and the title that its template has.
const LIST: &str = "HumanboundProjects";
/// <https://learn.microsoft.com/rest/api/securityinsights/watchlist-items>
const API: &str = "2025-09-01";
const SETTINGS: &str = include_str!("../../../sentinel/watchlists/HumanboundProjects.json");
const COLUMNS: [&str; 5] = ["ProjectId", "ProjectName", "Owner", "Criticality", "Archived"];
/// The template's own limits.
const MAX_PROJECTS: usize = 1000;
const MAX_TEXT: usize = 200;

/// What was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// The list did not exist.
    pub(crate) is_new: bool,
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) unchanged: usize,
}

impl Written {
    pub(crate) fn is_nothing(&self) -> bool {
        !self.is_new && self.added + self.changed == 0
    }

    pub(crate) fn text(&self) -> String {
        if self.is_nothing() && self.unchanged == 0 {
            return "there are no projects".to_owned();
        }
        format!("{} added, {} changed, {} unchanged", self.added, self.changed, self.unchanged)
    }
}

/// The projects as the template takes them.
pub(super) fn projects(all: &[Project]) -> Vec<Value> {
    let mut seen = std::collections::BTreeSet::new();
    let project = |one: &Project| json!({ "id": id(one), "name": name(one), "archived": one.archived });
    all.iter().filter(|one| seen.insert(id(one))).take(MAX_PROJECTS).map(project).collect()
}

fn id(project: &Project) -> String {
    project.id.trim().to_lowercase()
}

fn name(project: &Project) -> String {
    let name: String =
        project.name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect();
    if name.trim().is_empty() { id(project) } else { name }
}

/// Updates the watchlist from the platform, item by item. A project that the platform no longer has stays.
///
/// # Errors
/// The platform or Azure cannot be asked, or does not take an item.
pub(crate) async fn write(client: &Client, azure: &Azure, workspace: &str) -> Result<Written> {
    let projects = client.projects().await.told()?;
    if projects.is_empty() {
        return Ok(Written::default());
    }
    let list = format!("{workspace}/providers/Microsoft.SecurityInsights/watchlists/{LIST}");
    if azure.get(&format!("{list}?api-version={API}")).await.told()?.is_none() {
        azure.put(&format!("{list}?api-version={API}"), &whole(&projects)).await.told()?;
        return Ok(Written { is_new: true, added: projects.len(), ..Written::default() });
    }
    let items = azure.list(&format!("{list}/watchlistItems?api-version={API}")).await.told()?;
    let there: BTreeMap<String, Value> = items
        .into_iter()
        .filter_map(|item| Some((column(&item, "ProjectId")?.to_lowercase(), item)))
        .collect();
    let mut written = Written::default();
    for project in &projects {
        match there.get(&id(project)) {
            None => {
                let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, id(project).as_bytes());
                put(azure, &list, &name.to_string(), &item(project, None)).await.told()?;
                written.added += 1;
            }
            Some(old) if is_same(old, project) => written.unchanged += 1,
            Some(old) => {
                change(azure, &list, old, project).await.told()?;
                written.changed += 1;
            }
        }
    }
    Ok(written)
}

/// Writes an item, keeping what analysts wrote in it; tries again when one of them has just changed it.
async fn change(azure: &Azure, list: &str, old: &Value, project: &Project) -> Result<(), Error> {
    let name = item_name(old);
    match put(azure, list, &name, &item(project, Some(old))).await {
        Err(Error::Rejected(fault)) if fault.status == Some(412) || fault.has_code("PreconditionFailed") => {
            let url = format!("{list}/watchlistItems/{name}?api-version={API}");
            let Some(now) = azure.get(&url).await? else { return Ok(()) };
            put(azure, list, &name, &item(project, Some(&now))).await
        }
        outcome => outcome,
    }
}

async fn put(azure: &Azure, list: &str, name: &str, body: &Value) -> Result<(), Error> {
    azure.put(&format!("{list}/watchlistItems/{name}?api-version={API}"), body).await.map(drop)
}

fn item_name(item: &Value) -> String {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let last = text("id").and_then(|id| id.rsplit('/').next());
    last.or(text("name")).unwrap_or_default().to_owned()
}

fn column(item: &Value, name: &str) -> Option<String> {
    let columns = item.get("properties")?.get("itemsKeyValue")?;
    columns.get(name)?.as_str().map(str::to_owned)
}

/// Whether nothing that the platform knows differs. An empty `Archived` says no.
fn is_same(item: &Value, project: &Project) -> bool {
    let archived = column(item, "Archived").unwrap_or_default();
    column(item, "ProjectName").as_deref() == Some(&name(project))
        && archived.eq_ignore_ascii_case("true") == project.archived
}

/// An item, with all that it had before but for name and `Archived`.
fn item(project: &Project, old: Option<&Value>) -> Value {
    let kept = old.and_then(|old| old.get("properties")?.get("itemsKeyValue")?.as_object().cloned());
    let mut columns =
        kept.unwrap_or_else(|| COLUMNS.map(|name| (name.to_owned(), json!(""))).into_iter().collect());
    let mut set = |name: &str, value: Value| drop(columns.insert(name.to_owned(), value));
    set("ProjectId", json!(id(project)));
    set("ProjectName", json!(name(project)));
    set("Archived", json!(project.archived.to_string()));
    let mut body: Map<String, Value> =
        [("properties".to_owned(), json!({ "itemsKeyValue": columns }))].into_iter().collect();
    if let Some(etag) = old.and_then(|old| old.get("etag")).filter(|etag| etag.is_string()) {
        body.insert("etag".to_owned(), etag.clone());
    }
    Value::Object(body)
}

/// The list with all its rows, as `infra/modules/watchlist.bicep` makes it.
fn whole(projects: &[Project]) -> Value {
    let mut properties: Map<String, Value> = serde_json::from_str(SETTINGS).unwrap_or_default();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let row = |one: &Project| [&id(one), &name(one), "", "", &one.archived.to_string()].map(quoted).join(",");
    let header = [COLUMNS.join(",")].into_iter();
    let rows = header.chain(projects.iter().take(MAX_PROJECTS).map(row)).collect::<Vec<_>>().join("\r\n");
    properties.insert("rawContent".to_owned(), json!(rows));
    json!({ "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(name: &str, archived: bool) -> Project {
        Project { id: "AB-1".to_owned(), name: name.to_owned(), archived }
    }

    #[test]
    fn what_analysts_wrote_stays() {
        let old = json!({"etag": "\"1\"", "properties": {"itemsKeyValue": {
            "ProjectId": "ab-1", "ProjectName": "Old", "Owner": "alice", "Criticality": "high", "Archived": "", "Team": "x"
        }}});
        let new = item(&project("New", true), Some(&old));
        assert_eq!(new["etag"], "\"1\"");
        assert_eq!(
            new["properties"]["itemsKeyValue"],
            json!({"ProjectId": "ab-1", "ProjectName": "New", "Owner": "alice", "Criticality": "high", "Archived": "true", "Team": "x"})
        );
        assert!(is_same(&old, &project("Old", false)) && !is_same(&old, &project("Old", true)));
        assert_eq!(item(&project("New", false), None)["etag"], Value::Null);
    }

    #[test]
    fn a_whole_list_is_quoted_as_the_template_quotes_it() {
        let content = whole(&[project("Support, \"Alice\"", false)])["properties"]["rawContent"].clone();
        assert_eq!(
            content,
            "ProjectId,ProjectName,Owner,Criticality,Archived\r\n\"ab-1\",\"Support, \"\"Alice\"\"\",\"\",\"\",\"false\""
        );
    }
}
