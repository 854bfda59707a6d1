//! Rules for a `RecoveryServicesVault`: when it is created, and when it is changed.

use super::{
    Case, a_custom_cloud, a_vault, an_unreachable_vault, check_creation, check_update, with,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_checked_when_created() {
    let custom = |endpoints: Value| {
        with(
            with(a_vault(), "/cloud", json!("Custom")),
            "/endpoints",
            endpoints,
        )
    };
    let address = |field: &str, url: &str| custom(with(a_custom_cloud(), field, json!(url)));
    let needs_endpoints = "cloud Custom needs endpoints: set endpoints.resourceManager, endpoints.authority and endpoints.audience";
    let resource_manager = "endpoints.resourceManager must be an https URL without user and query: write for example https://management.example.com";
    let interval = "pollInterval must be a duration from 10s to 1h: write for example 60s or 5m";
    let secondary = "set apiVersions.primary to another version, for example 2024-04-01";
    let cases: Vec<Case> = vec![
        ("", a_vault(), None),
        (
            "/subscriptionId",
            Value::Null,
            Some("spec.subscriptionId: Required value"),
        ),
        (
            "/resourceGroup",
            Value::Null,
            Some("spec.resourceGroup: Required value"),
        ),
        ("/name", Value::Null, Some("spec.name: Required value")),
        ("/auth", Value::Null, Some("spec.auth: Required value")),
        (
            "/subscriptionId",
            json!("my subscription"),
            Some("subscriptionId must be a GUID: write for example"),
        ),
        (
            "/resourceGroup",
            json!("/subscriptions/x"),
            Some(
                "resourceGroup must be the name of a resource group, not its id: write for example testVaultRG",
            ),
        ),
        ("/resourceGroup", json!("Größe_(1).x"), None),
        (
            "/name",
            json!("/subscriptions/x"),
            Some("name must be the name of the vault in Azure, not its id"),
        ),
        (
            "/name",
            json!("v"),
            Some("name must be the name of the vault in Azure"),
        ),
        // clouds
        ("/cloud", json!("AzureUSGovernment"), None),
        ("/cloud", json!("AzureChina"), None),
        (
            "/cloud",
            json!("azurepublic"),
            Some(
                "supported values: \"AzurePublic\", \"AzureUSGovernment\", \"AzureChina\", \"Custom\"",
            ),
        ),
        ("/cloud", json!("Custom"), Some(needs_endpoints)),
        (
            "/endpoints",
            a_custom_cloud(),
            Some("endpoints go with cloud Custom only: remove endpoints, or set cloud to Custom"),
        ),
        ("", custom(a_custom_cloud()), None),
        (
            "",
            custom(with(a_custom_cloud(), "/authority", Value::Null)),
            Some("spec.endpoints.authority: Required value"),
        ),
        (
            "",
            address("/resourceManager", "http://127.0.0.1:8080"),
            None,
        ),
        (
            "",
            address("/resourceManager", "http://localhost:8080"),
            None,
        ),
        ("", address("/resourceManager", "http://[::1]:8080"), None),
        (
            "",
            address("/resourceManager", "https://10.0.0.1:8443/azure"),
            None,
        ),
        (
            "",
            address("/resourceManager", "http://management.example.com"),
            Some(resource_manager),
        ),
        (
            "",
            address("/resourceManager", "https://management.example.com?a=b"),
            Some(resource_manager),
        ),
        (
            "",
            address("/resourceManager", "management.example.com"),
            Some(resource_manager),
        ),
        (
            "",
            address(
                "/resourceManager",
                "https://user:word@management.example.com",
            ),
            Some(resource_manager),
        ),
        (
            "",
            address("/authority", "http://127.0.0.1:8080"),
            Some(
                "endpoints.authority must be an https URL without user and query: write for example https://login.example.com",
            ),
        ),
        (
            "",
            address("/audience", "management"),
            Some(
                "endpoints.audience must be an https URL without user and query: write for example",
            ),
        ),
        // auth
        (
            "/auth",
            json!({}),
            Some("auth needs exactly one method: set auth.servicePrincipal"),
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!("72f988bf-0000-0000-0000-000000000000"),
            None,
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!("a/b"),
            Some("tenantId must be the id or a domain of the tenant: write for example"),
        ),
        (
            "/auth/servicePrincipal/tenantId",
            json!(".."),
            Some("tenantId must be the id or a domain of the tenant: write for example"),
        ),
        (
            "/auth/servicePrincipal/clientId",
            json!("restorer"),
            Some("clientId must be the application (client) id, a GUID: write for example"),
        ),
        (
            "/auth/servicePrincipal/secretRef",
            Value::Null,
            Some("spec.auth.servicePrincipal.secretRef: Required value"),
        ),
        (
            "/auth/servicePrincipal/secretRef/name",
            Value::Null,
            Some("spec.auth.servicePrincipal.secretRef.name: Required value"),
        ),
        (
            "/auth/servicePrincipal/secretRef/key",
            json!("client.secret"),
            None,
        ),
        (
            "/auth/servicePrincipal/secretRef/key",
            json!("a/b"),
            Some("secretRef.key must be a key of a Secret"),
        ),
        // who may
        (
            "/allowedNamespaces",
            json!({"names": ["team-a", "team-b"]}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "env", "operator": "In", "values": ["test"]}]}}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {}}),
            Some(
                "allowedNamespaces.selector must ask for something: write matchLabels or matchExpressions",
            ),
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchLabels": {}, "matchExpressions": []}}),
            Some(
                "to allow every namespace write matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]",
            ),
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}}),
            None,
        ),
        (
            "/allowedNamespaces",
            json!({"selector": {"matchExpressions": [{"key": "env", "operator": "Like"}]}}),
            Some("supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\""),
        ),
        (
            "/allowedNamespaces",
            json!({"names": vec!["a"; 101]}),
            Some("must have at most 100 items"),
        ),
        // pace and versions
        ("/pollInterval", json!("5m"), None),
        ("/pollInterval", json!("1h"), None),
        ("/pollInterval", json!("9s"), Some(interval)),
        ("/pollInterval", json!("61m"), Some(interval)),
        ("/pollInterval", json!("often"), Some(interval)),
        (
            "/apiVersions",
            json!({"vault": "2023-01-01", "primary": "2019-05-13"}),
            None,
        ),
        ("/apiVersions/primary", json!("2025-02-01-preview"), None),
        (
            "/apiVersions/vault",
            json!("latest"),
            Some("apiVersions.vault must be a date: write for example 2024-04-01"),
        ),
        (
            "/apiVersions/primary",
            json!("v1"),
            Some("apiVersions.primary must be a date: write for example 2024-04-01"),
        ),
        ("/apiVersions/primary", json!("2018-12-20"), Some(secondary)),
        ("/apiVersions/primary", json!("2021-11-15"), Some(secondary)),
        ("/apiVersions/primary", json!("2023-01-15"), Some(secondary)),
    ];

    check_creation("RecoveryServicesVault", &a_vault(), cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_object_always_means_the_same_vault() {
    let another = "create another RecoveryServicesVault object for another vault";
    let cases: Vec<Case> = vec![
        (
            "/subscriptionId",
            json!("00000000-0000-0000-0000-000000000009"),
            Some(another),
        ),
        ("/resourceGroup", json!("other"), Some(another)),
        ("/name", json!("other"), Some(another)),
        (
            "/auth/servicePrincipal/clientId",
            json!("00000000-0000-0000-0000-000000000009"),
            None,
        ),
        (
            "/auth/servicePrincipal/secretRef/name",
            json!("renewed"),
            None,
        ),
        ("/allowedNamespaces", json!({"names": ["team-a"]}), None),
        ("/pollInterval", json!("2m"), None),
        ("/apiVersions", json!({"primary": "2019-05-13"}), None),
        (
            "/endpoints/audience",
            json!("https://management.example.org"),
            None,
        ),
        (
            "/cloud",
            json!("AzurePublic"),
            Some("endpoints go with cloud Custom only"),
        ),
    ];

    check_update("RecoveryServicesVault", &an_unreachable_vault(), cases).await;
}
