//! Where Azure is: hosts, token scope and authority of each cloud, and which hosts of a `Custom` one are allowed.
//!
//! Whoever may write a vault object chooses these hosts, and a Secret is sent to one of them: so they are checked against
//! the controller's own list before any credential is read (design 2.1). Hosts of the named clouds: CONTRACT 12.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Which Azure a vault lives in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The public cloud.
    AzurePublic,
    /// Azure for the US government.
    AzureUsGovernment,
    /// Azure in China.
    AzureChina,
    /// Anything else: an emulator, Azure Stack, a cloud that is newer than this version.
    Custom(Endpoints),
}

/// The endpoints of a `Custom` cloud, as the vault object writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Azure Resource Manager.
    pub resource_manager: String,
    /// Where tokens are issued.
    pub authority: String,
    /// What the tokens are for.
    pub audience: String,
}

/// A host that `Custom` endpoints may name: `host` for any port, or `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    port: Option<u16>,
}

/// Text that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host: write a name or address, with or without `:port`, such as `azure.example.com:8443`"
)]
pub struct NotAHost(String);

impl FromStr for AllowedHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || NotAHost(text.to_owned());
        let url = Url::parse(&format!("vmrestore://{text}")).map_err(|_| fault())?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(fault)?;
        let bare = url.path().is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        bare.then(|| Self {
            host: host.to_ascii_lowercase(),
            port: url.port(),
        })
        .ok_or_else(fault)
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl AllowedHost {
    fn covers(&self, url: &Url) -> bool {
        url.host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && self
                .port
                .is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

/// Why an endpoint of a `Custom` cloud is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// It is no URL, or has parts that an endpoint cannot have.
    #[error(
        "`endpoints.{field}` is not a plain URL such as https://host:port, without user, path or query"
    )]
    Malformed {
        /// The field of the vault object.
        field: &'static str,
    },
    /// It is not https.
    #[error("`endpoints.{field}` must be https{}", if *loopback_may { " (http only on loopback)" } else { "" })]
    NotHttps {
        /// The field of the vault object.
        field: &'static str,
        /// Whether http on loopback would do.
        loopback_may: bool,
    },
    /// The controller was not started to allow its host.
    #[error(
        "the host {host} of `endpoints.{field}` is not allowed; start the controller with --allow-azure-host {host}, or use another endpoint"
    )]
    NotAllowed {
        /// The field of the vault object.
        field: &'static str,
        /// The host.
        host: String,
    },
}

/// Checks the endpoints of a `Custom` cloud: plain URLs, https (for `resourceManager` also http on loopback), and hosts
/// that the controller was started to allow. Pure; to be called before a credential is read.
///
/// # Errors
/// The first [`EndpointFault`].
pub fn check_endpoints(
    endpoints: &Endpoints,
    allowed: &[AllowedHost],
) -> Result<(), EndpointFault> {
    let fields = [
        ("resourceManager", &endpoints.resource_manager, true),
        ("authority", &endpoints.authority, false),
        ("audience", &endpoints.audience, false),
    ];
    for (field, text, loopback_may) in fields {
        let url = plain_url(text).ok_or(EndpointFault::Malformed { field })?;
        let scheme_is_fine = url.scheme() == "https"
            || (loopback_may && url.scheme() == "http" && is_loopback(&url));
        if !scheme_is_fine {
            return Err(EndpointFault::NotHttps {
                field,
                loopback_may,
            });
        }
        if !allowed.iter().any(|host| host.covers(&url)) {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(EndpointFault::NotAllowed { field, host });
        }
    }
    Ok(())
}

/// A cloud with everything that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// Azure Resource Manager, without a path.
    pub arm: Url,
    /// Where tokens are issued, https.
    pub authority: Url,
    /// The scope to ask for.
    pub scope: String,
}

impl Cloud {
    /// The hosts of this cloud, checked.
    pub(super) fn site(&self, allowed: &[AllowedHost]) -> Result<Site, EndpointFault> {
        let (arm, authority) = match self {
            Self::AzurePublic => (
                "https://management.azure.com",
                "https://login.microsoftonline.com",
            ),
            Self::AzureUsGovernment => (
                "https://management.usgovcloudapi.net",
                "https://login.microsoftonline.us",
            ),
            Self::AzureChina => (
                "https://management.chinacloudapi.cn",
                "https://login.chinacloudapi.cn",
            ),
            Self::Custom(endpoints) => {
                check_endpoints(endpoints, allowed)?;
                return site(
                    &endpoints.resource_manager,
                    &endpoints.authority,
                    &endpoints.audience,
                );
            }
        };
        site(arm, authority, arm)
    }
}

fn site(arm: &str, authority: &str, audience: &str) -> Result<Site, EndpointFault> {
    Ok(Site {
        arm: plain_url(arm).ok_or(EndpointFault::Malformed {
            field: "resourceManager",
        })?,
        authority: plain_url(authority).ok_or(EndpointFault::Malformed { field: "authority" })?,
        scope: format!("{}/.default", audience.trim().trim_end_matches('/')),
    })
}

fn plain_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let plain = url.host_str().is_some_and(|host| !host.is_empty())
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some(host) if host.eq_ignore_ascii_case("localhost") => true,
        Some(host) => host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(arm: &str, authority: &str, audience: &str) -> Endpoints {
        Endpoints {
            resource_manager: arm.to_owned(),
            authority: authority.to_owned(),
            audience: audience.to_owned(),
        }
    }

    fn allowed(hosts: &[&str]) -> Vec<AllowedHost> {
        hosts.iter().map(|host| host.parse().unwrap()).collect()
    }

    #[test]
    fn custom_endpoints_need_an_allowed_host_each() {
        let hosts = allowed(&["127.0.0.1", "login.example.com:8443", "[::1]"]);

        for (arm, authority, audience, fine) in [
            (
                "http://127.0.0.1:8080",
                "https://127.0.0.1:8443",
                "https://127.0.0.1",
                true,
            ),
            (
                "https://127.0.0.1",
                "https://LOGIN.example.com:8443/",
                "https://127.0.0.1/",
                true,
            ),
            (
                "http://[::1]:1",
                "https://127.0.0.1",
                "https://127.0.0.1",
                true,
            ),
            // other hosts and ports
            (
                "https://evil.example",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "https://127.0.0.1",
                "https://login.example.com",
                "https://127.0.0.1",
                false,
            ),
            (
                "https://127.0.0.1",
                "https://127.0.0.1",
                "https://management.azure.com",
                false,
            ),
            (
                "https://127.0.0.1.evil.example",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            // http
            (
                "http://login.example.com:8443",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "http://127.0.0.1",
                "http://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "http://127.0.0.1",
                "https://127.0.0.1",
                "http://127.0.0.1",
                false,
            ),
            // not plain
            (
                "https://127.0.0.1@evil.example",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "https://u:p@127.0.0.1",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "https://127.0.0.1/path",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "https://127.0.0.1?q",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            (
                "ftp://127.0.0.1",
                "https://127.0.0.1",
                "https://127.0.0.1",
                false,
            ),
            ("", "https://127.0.0.1", "https://127.0.0.1", false),
        ] {
            let result = check_endpoints(&endpoints(arm, authority, audience), &hosts);

            assert_eq!(
                result.is_ok(),
                fine,
                "{arm} {authority} {audience}: {result:?}"
            );
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let fault = check_endpoints(
            &endpoints(
                "https://127.0.0.1",
                "https://127.0.0.1",
                "https://127.0.0.1",
            ),
            &[],
        )
        .unwrap_err();

        assert!(
            fault.to_string().contains("--allow-azure-host 127.0.0.1"),
            "{fault}"
        );
    }

    #[test]
    fn hosts_are_parsed_strictly() {
        for (text, fine) in [
            ("azure.example.com", true),
            ("127.0.0.1:8443", true),
            ("[::1]:1", true),
            ("https://a", false),
            ("a/b", false),
            ("", false),
            ("u@a", false),
            ("a:99999", false),
        ] {
            assert_eq!(text.parse::<AllowedHost>().is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn scopes_come_from_the_audience_without_its_slash() {
        let site = Cloud::Custom(endpoints(
            "http://127.0.0.1:1",
            "https://127.0.0.1:2",
            "https://127.0.0.1:3/",
        ))
        .site(&allowed(&["127.0.0.1"]))
        .unwrap();

        assert_eq!(site.scope, "https://127.0.0.1:3/.default");
        assert_eq!(
            Cloud::AzurePublic.site(&[]).unwrap().scope,
            "https://management.azure.com/.default"
        );
    }
}
