//! What the template says of parameters that cannot be meant, before it changes anything.

use serde_json::{Value, json};

use super::loopback::Loopback;

const SKIPPED: &str = "the parameters of the template";
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";

#[test]
fn a_parameter_that_cannot_be_meant_stops_the_deployment_before_it_begins() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let network = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks");
    let no_subnet = "integrationSubnetId is not the resource id of a subnet";
    let no_group = "not the resource id of an action group";
    let cases = [
        (json!({"integrationSubnetId": "snet-functions"}), no_subnet),
        (json!({"integrationSubnetId": format!("{network}/vnet")}), no_subnet),
        (json!({"integrationSubnetId": format!("{network}/vnet/subnets/")}), no_subnet),
        (json!({"integrationSubnetId": format!("{network}/vnet/subnets")}), no_subnet),
        (json!({"integrationSubnetId": format!("https:/{network}/vnet/subnets/s")}), no_subnet),
        (json!({"integrationSubnetId": format!("{network}/vnet/other/s")}), no_subnet),
        (json!({"alertActionGroupIds": ["ag-soc"]}), no_group),
        (
            json!({"alertActionGroupIds": [format!("{GROUP}/providers/Microsoft.Insights/actionRules/x")]}),
            no_group,
        ),
        (json!({"nameSuffix": "-2"}), "nameSuffix is not of letters and digits alone"),
        (json!({"nameSuffix": "new"}), "nameSuffix"),
        (json!({"allowPublicIngestion": false}), "privateNetworking, which is off"),
        (json!({"workspaceResourceGroup": "rg-soc"}), "set useExistingWorkspace too"),
    ];
    for (parameters, expected) in cases {
        let state = azure.deploy(&parameters);
        let problem = state["error"].as_str().unwrap_or_else(|| panic!("{parameters} was accepted"));
        assert!(problem.contains(expected), "{parameters}: {problem}");
        assert_eq!(state["puts"], json!([]), "{parameters}");
    }
}

#[test]
fn ids_are_taken_in_any_case_of_letters() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let lower = GROUP.to_lowercase();
    let subnet = format!("{lower}/providers/microsoft.network/virtualnetworks/vnet/subnets/functions");
    let group = format!("{GROUP}/providers/microsoft.insights/ActionGroups/ag-soc");
    let state = azure.deploy(&json!({"integrationSubnetId": subnet, "alertActionGroupIds": [group]}));
    assert_eq!(state["error"], Value::Null);
    assert_eq!(state["outputs"]["notified"]["value"], true);
    assert_eq!(azure.deploy(&json!({}))["outputs"]["notified"]["value"], false);
}

#[test]
fn a_daily_cap_of_nothing_is_no_cap() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    for (given, expected, watched) in [(0, -1, false), (-1, -1, false), (5, 5, true)] {
        let state = azure.deploy(&json!({"dailyCapGb": given}));
        let resources = state["resources"].as_array().unwrap();
        let of =
            |end: &str| resources.iter().find(|resource| resource["id"].as_str().unwrap().ends_with(end));
        let workspace = of("/workspaces/log-humanbound").unwrap();
        assert_eq!(workspace["properties"]["workspaceCapping"]["dailyQuotaGb"], expected, "{given}");
        assert_eq!(of("/alert-humanbound-daily-cap").is_some(), watched, "{given}");
    }
}
