"""The chart's manifests, as helm renders them, are what lies in tests/golden/chart, and keep what must hold.

Where a change is meant: `GOLDEN=write pytest tests/golden/test_chart_rendering.py`, then look at the difference.
"""

from __future__ import annotations

import base64
import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from localkube import tools
from localkube.errors import LocalKubeError
from pressplay.personas.loader import load as load_personas
from pressplay.policy.cluster import load

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "pressplay"
GOLDEN = Path(__file__).parent / "chart"
KUBERNETES = "1.34.4"

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "namespaced": {"watchNamespaces": ["team-a", "team-b"], "operator": {"replicas": 2}},
    "flows": {"flows": {"enabled": True, "namespace": "flows", "limits": {"runs": 3}}},
    "everything": {
        "images": {
            "registry": "images.example.com/mirror/",
            "pullPolicy": "Always",
            "pullSecrets": ["registry"],
            "platform": {"digest": "sha256:" + "0" * 64},
            "runner": {"tag": "v1"},
        },
        "gateway": {
            "ledger": {"existingSecret": "ledger"},
            "persistence": {"storageClass": "fast", "size": "50Gi"},
            "priorityClassName": "high",
            "tolerations": [{"key": "agents", "operator": "Exists"}],
            "nodeSelector": {"pool": "system"},
        },
        "github": {
            "url": "https://ghe.example.com",
            "apiUrl": "https://ghe.example.com/api/v3",
            "apps": [{"name": "clippy", "existingSecret": "clippy-app"}],
        },
        "llm": {"provider": "openai", "model": "a,b", "baseUrl": "http://models.example.com:8090/v1", "rateLimit": 50},
        "policy": {"tenants": [{"namespaces": ["team-a"], "repositories": ["octo/*"], "maxDollars": 5}]},
        "personas": {
            "ada": {
                "settings": {
                    "title": "Ada",
                    "role": "implementer",
                    "description": "Adds.",
                    "tools": ["read", "finish"],
                },
                "prompt": "You are Ada.\nYou add.\n",
            },
            "docs": {"prompt": "You are Docs, and write short sentences."},
        },
        "proxy": {"https": "http://squid.example.com:3128", "noProxy": "example.internal"},
        "caBundle": {"pem": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"},
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "networkPolicy": {"runNamespaces": ["team-a"], "runEgress": [{"ports": [{"port": 443}]}]},
    },
    "events": {
        "events": {
            "mode": "webhook",
            "eventBusName": "team-bus",
            "name": "team",
            "webhookSecret": "of-the-app",
            "tokenSecret": "of-the-sensor",
            "port": 12001,
            "resources": {"requests": {"memory": "80Mi"}, "limits": {"memory": "700Mi"}},
            "nodeSelector": {"pool": "system"},
            "tolerations": [{"key": "agents", "operator": "Exists"}],
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "host": "hooks.example.com",
                "tlsSecret": "hooks-tls",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "25m"},
            },
        },
    },
}


@functools.cache
def helm() -> str:
    """The helm that comes with the local cluster, or another one."""
    try:
        return str(tools.path_of("helm"))
    except LocalKubeError as error:
        return shutil.which("helm") or pytest.fail(f"there is no helm: {error}", pytrace=False)


def template(values: dict[str, Any], *words: str) -> str:
    where = ["pressplay", str(CHART), "--namespace=pressplay-system", f"--kube-version={KUBERNETES}"]
    if values.get("events", {}).get("mode") == "webhook":
        words = ("--api-versions=argoproj.io/v1alpha1/Sensor", *words)
    code, out, err = run_helm("template", *where, "--values=-", *words, stdin=yaml.safe_dump(values))
    assert code == 0, err
    return out


def run_helm(*words: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run([helm(), *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@functools.cache
def rendered(case: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(template(CASES[case])) if document]


def of(documents: list[dict[str, Any]], kind: str, name: str | None = None) -> list[dict[str, Any]]:
    return [each for each in documents if each["kind"] == kind and name in (None, each["metadata"]["name"])]


def pod(documents: list[dict[str, Any]], deployment: str) -> dict[str, Any]:
    [found] = of(documents, "Deployment", deployment)
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def container(documents: list[dict[str, Any]], deployment: str, name: str) -> dict[str, Any]:
    [found] = [each for each in pod(documents, deployment)["containers"] if each["name"] == name]
    return dict(found)


@pytest.mark.parametrize("case", CASES)
def test_manifests_are_what_was_agreed(case: str) -> None:
    golden = GOLDEN / f"{case}.yaml"
    # Definitions and templates have files of their own.
    documents = [
        each for each in rendered(case) if each["kind"] not in ("CustomResourceDefinition", "WorkflowTemplate")
    ]
    text = yaml.safe_dump_all(documents, sort_keys=True, width=120)
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text(), "if this is meant: GOLDEN=write, and look at the difference"


@pytest.mark.parametrize("case", CASES)
def test_every_pod_satisfies_the_restricted_standard(case: str) -> None:
    for deployment in of(rendered(case), "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all("hostPath" not in volume for volume in spec["volumes"])
        for box in spec["containers"]:
            context = box["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert box["resources"]["requests"]
            assert box["resources"]["limits"]["memory"]


def mounts(box: dict[str, Any]) -> set[str]:
    return {mount["name"] for mount in box["volumeMounts"]}


@pytest.mark.parametrize("case", CASES)
def test_keys_are_where_the_signer_is_and_nowhere_else(case: str) -> None:
    documents = rendered(case)
    for volume in ("apps", "llm"):
        holders = [box["name"] for box in pod(documents, "pressplay-gateway")["containers"] if volume in mounts(box)]
        assert holders == ["signer"]
    secrets = [
        (box["name"], variable["name"])
        for deployment in ("pressplay-gateway", "pressplay-operator")
        for box in pod(documents, deployment)["containers"]
        for variable in box["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    ]
    assert secrets in ([], [("gateway", "PRESSPLAY_LEDGER_URL")])


@pytest.mark.parametrize("case", CASES)
def test_signer_and_quarantine_cannot_speak_to_the_api_server(case: str) -> None:
    spec = pod(rendered(case), "pressplay-gateway")
    assert spec["automountServiceAccountToken"] is False
    assert [box["name"] for box in spec["containers"] if "api-token" in mounts(box)] == ["gateway"]


def test_the_quarantine_has_the_mirrors_and_the_gateway_the_ledger() -> None:
    parts = {
        (box["name"], mount["subPath"])
        for box in pod(rendered("defaults"), "pressplay-gateway")["containers"]
        for mount in box["volumeMounts"]
        if mount["name"] == "data"
    }
    assert parts == {("quarantine", "mirrors"), ("gateway", "ledger")}


def rules(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nobody_may_read_secrets_or_do_everything() -> None:
    for case in CASES:
        for role in of(rendered(case), "ClusterRole") + of(rendered(case), "Role"):
            assert not any("*" in rule or "secrets" in rule[1] for rule in rules(role)), role["metadata"]["name"]


def test_the_gateway_reads_three_kinds_and_reviews_tokens() -> None:
    [gateway] = of(rendered("defaults"), "ClusterRole", "pressplay-system:pressplay-gateway")
    assert {verb for _, _, verb in rules(gateway)} == {"get"}
    assert {resource for _, resource, _ in rules(gateway)} == {"pods", "jobs", "coderuns", "docsruns"}
    [review] = of(rendered("defaults"), "ClusterRole", "pressplay-system:pressplay-token-review")
    assert rules(review) == {("authentication.k8s.io", "tokenreviews", "create")}


def test_in_named_namespaces_the_only_cluster_role_is_that_of_reviewing_tokens() -> None:
    documents = rendered("namespaced")
    assert [role["metadata"]["name"] for role in of(documents, "ClusterRole")] == [
        "pressplay-system:pressplay-token-review"
    ]
    places = {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in of(documents, "Role")}
    assert {place for place, name in places if name == "pressplay-operator"} == {"team-a", "team-b"}


def test_without_token_review_there_is_no_cluster_role_at_all() -> None:
    text = template({"watchNamespaces": ["a"], "gateway": {"tokenReview": False}})
    assert "ClusterRole" not in text


def test_flows_are_installed_as_they_were_generated_in_their_namespace() -> None:
    installed = {each["metadata"]["name"]: each for each in of(rendered("flows"), "WorkflowTemplate")}
    generated = [yaml.safe_load(file.read_text()) for file in (CHART / "files" / "workflow-templates").glob("*.yaml")]
    assert len(generated) == len(installed) > 9
    for each in generated:
        made = installed[each["metadata"]["name"]]
        assert made["spec"] == each["spec"]
        assert made["metadata"]["namespace"] == "flows"
        assert made["metadata"]["annotations"] == each["metadata"]["annotations"]
        assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_every_limit_that_a_template_refers_to_is_there() -> None:
    documents = rendered("flows")
    [limits] = of(documents, "ConfigMap", "pressplay-limits")
    assert limits["data"]["runs"] == "3"
    asked = {
        (semaphore["configMapKeyRef"]["name"], semaphore["configMapKeyRef"]["key"])
        for template in of(documents, "WorkflowTemplate")
        for part in (template["spec"], *template["spec"]["templates"])
        for semaphore in part.get("synchronization", {}).get("semaphores", [])
    }
    assert asked == {("pressplay-limits", key) for key in limits["data"]}


def test_runs_of_flows_are_kept_from_the_network_as_others_are() -> None:
    places = {each["metadata"]["namespace"] for each in of(rendered("flows"), "NetworkPolicy", "pressplay-runs")}
    assert places == {"default", "flows"}


OWN = {"pem": "-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n"}
GENERAL = {"existingConfigMap": "company", "key": "root.pem"}


@pytest.mark.parametrize(
    ("url", "own", "general", "mounted"),
    [
        ("https://argo.example:2746", {}, {}, None),
        ("http://argo.example:2746", OWN, GENERAL, None),
        ("https://argo.example:2746", OWN, GENERAL, {"name": "pressplay-argo-ca"}),
        ("https://argo.example:2746", {**OWN, "existingConfigMap": "argo", "key": "ca.pem"}, {},
         {"name": "argo", "items": [{"key": "ca.pem", "path": "ca.crt"}]}),
        ("https://argo.example:2746", {}, GENERAL,
         {"name": "company", "items": [{"key": "root.pem", "path": "ca.crt"}]}),
        ("https://argo.example:2746", {}, OWN, {"name": "pressplay-ca"}),
    ],
)  # fmt: skip
def test_the_operator_trusts_the_authority_of_the_argo_server_that_it_is_told(
    url: str, own: dict[str, Any], general: dict[str, Any], mounted: dict[str, Any] | None
) -> None:
    flows = {"enabled": True, "argoServer": {"url": url, "caBundle": own}}
    documents = [each for each in yaml.safe_load_all(template({"flows": flows, "caBundle": general})) if each]
    volumes = {each["name"]: each for each in pod(documents, "pressplay-operator")["volumes"]}
    assert volumes.get("argo-ca", {}).get("configMap") == mounted
    found = container(documents, "pressplay-operator", "operator")
    told = {each["name"]: each.get("value") for each in found["env"]}.get("PRESSPLAY_ARGO_CA")
    paths = [f"{each['mountPath']}/ca.crt" for each in found["volumeMounts"] if each["name"] == "argo-ca"]
    assert paths == ([told] if mounted else [])
    made = of(documents, "ConfigMap", "pressplay-argo-ca")
    assert bool(made) is (mounted == {"name": "pressplay-argo-ca"})


def test_without_argo_there_is_nothing_of_argo() -> None:
    assert "argoproj" not in template({})


def test_nobody_touches_workflows_outside_of_the_namespace_of_flows() -> None:
    may = {
        (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"]): sorted(
            verb for group, resource, verb in rules(role) if (group, resource) == ("argoproj.io", "workflows")
        )
        for role in of(rendered("flows"), "Role") + of(rendered("flows"), "ClusterRole")
    }
    assert {place: verbs for place, verbs in may.items() if verbs} == {
        ("Role", "flows", "pressplay-operator-flows"): ["create", "get", "list", "patch", "update", "watch"]
    }


def test_definitions_and_the_ledger_survive_an_uninstall() -> None:
    kept = of(rendered("defaults"), "CustomResourceDefinition") + of(rendered("defaults"), "PersistentVolumeClaim")
    assert all(each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for each in kept)


def test_the_ports_of_configured_addresses_are_open_to_the_gateway() -> None:
    [policy] = of(rendered("everything"), "NetworkPolicy", "pressplay-gateway")
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 6443, 8090, 3128}


def test_runs_reach_the_gateway_names_and_what_is_allowed_besides() -> None:
    [policy] = of(rendered("defaults"), "NetworkPolicy", "pressplay-runs")
    assert policy["metadata"]["namespace"] == "default"
    assert policy["spec"]["ingress"] == []
    dns, gateway = policy["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert gateway["ports"] == [{"port": 8080}]
    [more] = of(rendered("everything"), "NetworkPolicy", "pressplay-runs")
    assert more["spec"]["egress"][2] == {"ports": [{"port": 443}]}


def sent_with(sensor: dict[str, Any]) -> list[dict[str, Any]]:
    [trigger] = sensor["spec"]["triggers"]
    return [each["template"]["http"] for each in (trigger, trigger["dlqTrigger"])]


def test_events_reach_the_inbox_with_the_secrets_and_on_the_bus_that_the_values_name() -> None:
    documents = rendered("events")
    [source], [sensor] = of(documents, "EventSource"), of(documents, "Sensor")
    github = source["spec"]["github"]["app"]
    assert github["webhookSecret"] == {"name": "of-the-app", "key": "secret"}
    assert github["webhook"]["port"] == "12001"
    assert source["spec"]["service"]["ports"] == [{"port": 12001, "targetPort": 12001}]
    assert {each["spec"]["eventBusName"] for each in (source, sensor)} == {"team-bus"}
    assert (source["metadata"]["name"], sensor["metadata"]["name"]) == ("team-github", "team-inbox")
    assert {each["eventSourceName"] for each in sensor["spec"]["dependencies"]} == {"team-github"}
    for http in sent_with(sensor):
        (header,) = http["secureHeaders"]
        assert header["valueFrom"]["secretKeyRef"] == {"name": "of-the-sensor", "key": "token"}
    [volume] = [each for each in pod(documents, "pressplay-gateway")["volumes"] if each["name"] == "events-token"]
    assert volume["secret"]["secretName"] == "of-the-sensor"
    assert not of(documents, "Secret")


def test_the_pods_of_argo_events_satisfy_the_restricted_standard_and_have_limits() -> None:
    for built in of(rendered("events"), "EventSource") + of(rendered("events"), "Sensor"):
        spec = built["spec"]["template"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        context = spec["container"]["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
        assert spec["container"]["resources"]["limits"]["memory"] == "700Mi"
        assert spec["nodeSelector"] == {"pool": "system"}


def test_only_sensors_reach_the_inbox() -> None:
    [gateway] = of(rendered("events"), "NetworkPolicy", "pressplay-gateway")
    [rule] = [each for each in gateway["spec"]["ingress"] if {"port": 8083} in each["ports"]]
    [peer] = rule["from"]
    labels = peer["podSelector"]["matchLabels"]
    [sensor] = of(rendered("events"), "Sensor")
    assert labels.items() <= sensor["spec"]["template"]["metadata"]["labels"].items()
    assert "namespaceSelector" not in peer
    [closed] = of(rendered("defaults"), "NetworkPolicy", "pressplay-gateway")
    assert not [each for each in closed["spec"]["ingress"] if {"port": 8083} in each["ports"]]


def test_the_ingress_leads_to_the_service_that_argo_events_makes() -> None:
    [ingress], [source] = of(rendered("events"), "Ingress"), of(rendered("events"), "EventSource")
    [rule] = ingress["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] == f"{source['metadata']['name']}-eventsource-svc"
    assert path["path"] == source["spec"]["github"]["app"]["webhook"]["endpoint"]


def test_what_the_sensor_brings_is_made_where_nobody_gave_it() -> None:
    documents = [each for each in yaml.safe_load_all(template({"events": {"mode": "webhook"}})) if each]
    [secret] = of(documents, "Secret")
    assert secret["metadata"]["name"] == "pressplay-events"
    assert len(base64.b64decode(secret["data"]["token"])) == 40


def test_nothing_of_argo_events_is_there_unless_webhooks_are_wanted() -> None:
    for mode in ("off", False, "poll"):
        documents = [each for each in yaml.safe_load_all(template({"events": {"mode": mode}})) if each]
        assert not of(documents, "EventSource") + of(documents, "Sensor") + of(documents, "Secret")
        [variable] = [
            each
            for each in container(documents, "pressplay-gateway", "gateway")["env"]
            if each["name"] == "PRESSPLAY_EVENTS_MODE"
        ]
        assert variable["value"] == (mode or "off")


def test_a_cluster_without_argo_events_is_told_so() -> None:
    where = ["pressplay", str(CHART), f"--kube-version={KUBERNETES}", "--set=events.mode=webhook"]
    code, _, err = run_helm("template", *where)
    assert code
    assert "needs Argo Events" in err


def test_a_half_given_app_is_refused_in_words() -> None:
    with pytest.raises(AssertionError, match="belong together"):
        template({"github": {"appId": "1"}})


def test_a_wrong_name_is_refused_by_the_schema() -> None:
    with pytest.raises(AssertionError, match="additional properties 'imagse' not allowed"):
        template({"imagse": {}})


def test_the_chart_has_no_fault_that_helm_knows() -> None:
    code, out, _ = run_helm("lint", "--strict", str(CHART))
    assert code == 0, out


def test_the_personas_of_the_values_are_such_as_the_gateway_takes(tmp_path: Path) -> None:
    """Laid out as the gateway's volume has them."""
    (told,) = of(rendered("everything"), "ConfigMap", "pressplay-personas")
    (gateway,) = of(rendered("everything"), "Deployment", "pressplay-gateway")
    (volume,) = [each for each in gateway["spec"]["template"]["spec"]["volumes"] if each["name"] == "personas"]
    for item in volume["configMap"]["items"]:
        file = tmp_path / item["path"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(told["data"].pop(item["key"]))
    assert told["data"] == {}
    personas = load_personas(ROOT / "agents", tmp_path)
    assert personas.find("ada").prompt == "You are Ada.\nYou add."
    assert personas.find("docs").prompt == "You are Docs, and write short sentences."
    assert personas.find("docs").title == "Docs"


def test_the_policy_of_the_values_is_one_that_the_gateway_takes(tmp_path: Path) -> None:
    (told,) = of(rendered("everything"), "ConfigMap", "pressplay-policy")
    file = tmp_path / "policy.yaml"
    file.write_text(told["data"]["policy.yaml"])
    tenant = load(file).tenant("team-a")
    assert tenant is not None
    assert tenant.repositories == ("octo/*",)
    assert load(file).tenant("team-b") is None
