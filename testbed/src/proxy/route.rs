//! The route of a request to the API server: its path without the names of single objects.

/// Resources whose requests are no boundaries: they say nothing about a restore. Leases are counted: they are the locks of VMs.
const NOT_COUNTED: [&str; 1] = ["events"];

/// The path with `{namespace}` and `{name}` in it, or nothing for a watch or an event.
///
/// Definitions and namespaces that the controller reads by their well-known names keep them.
pub fn route_of(path: &str, query: &str) -> Option<String> {
    let is_watch = query
        .split('&')
        .any(|pair| pair == "watch=true" || pair == "watch=1");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // `/api/{version}/…` or `/apis/{group}/{version}/…`
    let start = match parts.first() {
        Some(&"api") => 2,
        Some(&"apis") => 3,
        _ => return Some(path.to_owned()),
    };
    let (group, rest) = parts.split_at(start.min(parts.len()));
    let (scope, rest) = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => {
            (&["namespaces", "{namespace}"][..], rest)
        }
        rest => (&[][..], rest),
    };
    let mut route = [group, scope].concat();
    match rest {
        [resource, ..] if is_watch || NOT_COUNTED.contains(resource) => return None,
        [resource, name, subresource @ ..] => {
            let well_known = scope.is_empty();
            route.extend([*resource, if well_known { *name } else { "{name}" }]);
            route.extend(subresource);
        }
        rest => route.extend(rest),
    }
    Some(format!("/{}", route.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_left_out() {
        let route = |path| route_of(path, "");

        assert_eq!(
            route("/apis/azurebackup.dev/v1alpha1/namespaces/n1/vmrestores/web-1/status")
                .as_deref(),
            Some("/apis/azurebackup.dev/v1alpha1/namespaces/{namespace}/vmrestores/{name}/status")
        );
        assert_eq!(
            route("/api/v1/namespaces/n1/secrets/s").as_deref(),
            Some("/api/v1/namespaces/{namespace}/secrets/{name}")
        );
        assert_eq!(
            route("/api/v1/namespaces/kube-system").as_deref(),
            Some("/api/v1/namespaces/kube-system")
        );
        assert_eq!(
            route("/apis/azurebackup.dev/v1alpha1/vmrestores").as_deref(),
            Some("/apis/azurebackup.dev/v1alpha1/vmrestores")
        );
        assert_eq!(route("/version").as_deref(), Some("/version"));
    }

    #[test]
    fn watches_and_events_are_no_boundaries_and_the_locks_of_vms_are() {
        let list = "/apis/azurebackup.dev/v1alpha1/namespaces/n1/vmrestores";

        assert!(route_of(list, "limit=500").is_some());
        assert_eq!(route_of(list, "timeoutSeconds=290&watch=true"), None);
        assert_eq!(
            route_of("/apis/events.k8s.io/v1/namespaces/n1/events", ""),
            None
        );
        assert_eq!(
            route_of("/apis/coordination.k8s.io/v1/namespaces/n1/leases/x", "").as_deref(),
            Some("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
        );
    }
}
