"""The domains of the clouds."""

CLOUDS = {
    "AzureCloud": {
        "blob": "core.windows.net",
        "vault": "vault.azure.net",
        "site": "azurewebsites.net",
        "monitor": "azure.com",
    },
    "AzureUSGovernment": {
        "blob": "core.usgovcloudapi.net",
        "vault": "vault.usgovcloudapi.net",
        "site": "azurewebsites.us",
        "monitor": "azure.us",
    },
    "AzureChinaCloud": {
        "blob": "core.chinacloudapi.cn",
        "vault": "vault.azure.cn",
        "site": "chinacloudsites.cn",
        "monitor": "azure.cn",
    },
}
