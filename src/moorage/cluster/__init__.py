"""
Kubernetes: watch, remember, apply. One `ClusterSession` per destination.

Who asks: `moorage.control`. What it never knows: Git, applications, passes. An
application is here only an *instance*, the text that `owner_of` finds in an
object's tracking metadata.

The public names, module by module::

    settings     ClusterSettings(requests=32, …), KindRule(api_groups, kinds, clusters)
    credentials  Access(server, token=…, ca=…, …)         a value that never prints a secret
    kubeconfig   read_kubeconfig(paths, context="", environment={}) -> Access
                 in_cluster(host, port, folder=SERVICE_ACCOUNT) -> Access
    secret       access_of_secret(data, settings) -> Access   data: decoded strings of the Secret
    proxies      proxy_for(server, environment) -> str; is_here(server) -> bool
    connections  Connections(Peer(host, port, tls)); await exchange(request, seconds, repeat=…) -> Exchanged; close()
    http         Api(access, settings, observe=None); await request(method, path, …) -> Answer; await close()
    answers      Answer(status, headers, body), Status; errors NotFound, Forbidden, Conflicted… with .status
    discovery    Kinds.entry(group, kind) -> KindEntry | None; Kinds.path(key, version="") -> str
    store        Store, Record, Change(role, instances, key, old, new)
    live         LiveState(objects, complete, gaps, children, why)
    session      ClusterSession(name, access, settings, owner_of, on_change, on_freshness=None, shelf=None, api=None)
                   await run()                      until cancelled; restarts itself with backoff
                   await live_state(instance, targeted: Mapping[ResourceKey, str]) -> LiveState
                   await fetch(key, api_version="") -> Json | None
                   has_seen(key, uid, resource_version) -> bool
                   freshness() -> Freshness(complete, why, waiting, gaps)
                   await ready(); .kinds; .version; .writer; .api; await schemas(group, version)
    threeway     three_way(declared, live, schema) -> (patch, content type)
    apply        Writer: server_side_apply, client_side_apply, replace, create, delete, patch -> Written
    objects      Reflector(api, path, on_change, label_selector="", settings=…); await run(); .synced; .bodies
"""
