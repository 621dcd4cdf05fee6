"""What the cluster gives to any pod: limits, hardening, logs, network, volumes, tokens."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.support.kube import Kube, Manifest, Refused, is_ready
from tests.e2e.support.pods import HARDENED, NON_ROOT, container, pod, pod_spec, service
from tests.e2e.support.waiting import until

MEMORY = 48 * 1024 * 1024

# Says what the kernel enforces on the process, not what the manifest asks for.
REPORT = r"""
uid=$(id -u)
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes)
root=$( (: > /written) 2>/dev/null && echo writable || echo read-only)
prepared=$(cat /scratch/prepared)
until [ -s /scratch/beat ]; do sleep 0.1; done
awk '{ print }' /proc/self/status > /scratch/status
of() { sed -n "s/^$1:[[:space:]]*//p" /scratch/status; }
printf '{"uid": %s, "limit": %s, "root": "%s", "prepared": "%s", "sidecar": "%s", ' \
    "$uid" "$limit" "$root" "$prepared" "$(cat /scratch/beat)"
printf '"seccomp": "%s", "capabilities": "%s", "no_new_privileges": "%s"}\n' \
    "$(of Seccomp)" "$(of CapBnd)" "$(of NoNewPrivs)"
"""


def test_a_restricted_job_with_init_container_and_native_sidecar_runs_to_its_end(
    kube: Kube, base: str, namespace: str
) -> None:
    kube.create(hardened_job(namespace, base))
    job = until(
        "the job to be complete", lambda: ended(kube.get("Job", "hardened", namespace)), seconds=90,
        seen=lambda: [kube.story(namespace, pod["metadata"]["name"]) for pod in kube.list("Pod", namespace)],
    )  # fmt: skip
    assert job["status"].get("succeeded") == 1, job["status"]
    (ran,) = kube.list("Pod", namespace, "job-name=hardened")
    assert json.loads(kube.logs(namespace, ran["metadata"]["name"], "main")) == {
        "uid": NON_ROOT,
        "limit": MEMORY,
        "root": "read-only",
        "prepared": "by the init container",
        "sidecar": "still here",
        "seccomp": "2",  # a filter
        "capabilities": "0" * 16,
        "no_new_privileges": "1",
    }


def hardened_job(namespace: str, image: str) -> Manifest:
    def part(name: str, script: str, **more: object) -> Manifest:
        resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": str(MEMORY)}}
        mounts = [{"name": "work", "mountPath": "/scratch"}]
        return container(image, script, name=name, resources=resources, volumeMounts=mounts, **more)

    sidecar = part(
        "sidecar", "trap 'exit 0' TERM; echo 'still here' > /scratch/beat; while :; do sleep 0.2; done",
        restartPolicy="Always",
    )  # fmt: skip
    init = part("prepare", "echo 'by the init container' > /scratch/prepared")
    spec = pod_spec(part("main", REPORT), initContainers=[init, sidecar], volumes=[{"name": "work", "emptyDir": {}}])
    meta = {"name": "hardened", "namespace": namespace}
    return {"kind": "Job", "metadata": meta, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}


def ended(job: Manifest) -> Manifest | None:
    conditions = job.get("status", {}).get("conditions") or []
    return job if any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions) else None


@pytest.mark.parametrize("weakness", ["runAsNonRoot", "seccompProfile", "capabilities", "allowPrivilegeEscalation"])
def test_a_namespace_that_enforces_restricted_refuses_a_pod_without(
    kube: Kube, base: str, namespace: str, weakness: str
) -> None:
    weak = container(base, "true", securityContext={key: value for key, value in HARDENED.items() if key != weakness})
    with pytest.raises(Refused, match="violates PodSecurity") as refused:
        kube.create(pod(namespace, "weak", weak))
    assert refused.value.status == 403
    assert weakness in refused.value.message


def test_a_container_beyond_its_memory_limit_is_reported_as_oom_killed(kube: Kube, base: str, namespace: str) -> None:
    greedy = container(base, "", command=["tail", "/dev/zero"], resources={"limits": {"memory": "32Mi"}})
    died = kube.run_to_end(pod(namespace, "greedy", greedy))
    (status,) = died["status"]["containerStatuses"]
    assert (status["state"]["terminated"]["reason"], status["state"]["terminated"]["exitCode"]) == ("OOMKilled", 137)


def test_logs_show_what_a_container_wrote_to_both_outputs(kube: Kube, base: str, namespace: str) -> None:
    written = kube.output_of(pod(namespace, "talks", container(base, "echo one; echo two >&2; echo thrée")))
    assert sorted(written.splitlines()) == ["one", "thrée", "two"]


def test_exec_runs_in_the_container_and_hands_on_the_exit_code(kube: Kube, base: str, namespace: str) -> None:
    kube.create(pod(namespace, "waits", container(base, "exec sleep infinity")))
    kube.await_phase(namespace, "waits", "Running")
    assert kube.execute(namespace, "waits", "id", "-u") == (0, f"{NON_ROOT}\n")
    assert kube.execute(namespace, "waits", "sh", "-c", "echo no; exit 7") == (7, "no\n")


@contextmanager
def greeter(kube: Kube, base: str, namespace: str) -> Iterator[None]:
    """A server that greets by HTTP whoever connects."""
    script = (
        "my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die $!;"
        "while (my $c = $s->accept) { while (<$c>) { last if /^\\r?\\n/ }"
        ' print $c "HTTP/1.0 200 OK\\r\\n\\r\\nhello from $ENV{HOSTNAME}"; close $c }'
    )
    ready = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    serves = container(base, "", command=["perl", "-MIO::Socket::INET", "-e", script], readinessProbe=ready)
    kube.create(pod(namespace, "greeter", serves))
    kube.create(service(namespace, "greeter", 8080))
    kube.await_ready(namespace, "app=greeter")
    yield


def test_port_forward_reaches_a_pod(kube: Kube, base: str, namespace: str) -> None:
    with (
        greeter(kube, base, namespace),
        kube.forward(namespace, "pod/greeter", 8080) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response,
    ):
        assert response.read() == b"hello from greeter"


def test_a_service_is_found_by_all_its_names(kube: Kube, base: str, namespace: str) -> None:
    names = ["greeter", f"greeter.{namespace}", f"greeter.{namespace}.svc.cluster.local"]
    ask = "for host; do exec 3<>/dev/tcp/$host/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -1 <&3; echo; done"
    with greeter(kube, base, namespace):
        client = container(base, "", command=["bash", "-euc", ask, "bash", *names])
        said = kube.output_of(pod(namespace, "client", client))
    assert said == "hello from greeter\n" * len(names)


@pytest.mark.alone  # for a moment new connections to any service may be refused
def test_services_outlive_a_new_start_of_the_proxy(kube: Kube, base: str, namespace: str) -> None:
    """The new proxy syncs in full over the rules that are there, as any does once an hour."""
    ask = "exec 3<>/dev/tcp/greeter/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -1 <&3"
    with greeter(kube, base, namespace):
        (proxy,) = kube.list("Pod", "kube-system", "k8s-app=kube-proxy")
        kube.delete("Pod", proxy["metadata"]["name"], "kube-system")
        until(
            "another proxy",
            lambda: [
                one
                for one in kube.list("Pod", "kube-system", "k8s-app=kube-proxy")
                if one["metadata"]["uid"] != proxy["metadata"]["uid"] and is_ready(one)
            ],
            seconds=90,
        )
        (new,) = kube.list("Pod", "kube-system", "k8s-app=kube-proxy")
        # The full sync is over when what is made after it answers.
        kube.create(
            service(namespace, "later", 8080) | {"spec": {"selector": {"app": "greeter"}, "ports": [{"port": 8080}]}}
        )
        later = ask.replace("greeter", "later")
        waits = f"until (exec 3<>/dev/tcp/later/8080) 2>/dev/null; do sleep 0.2; done; {later}; {ask}"
        client = container(base, "", command=["bash", "-euc", waits])
        assert kube.output_of(pod(namespace, "client", client)) == "hello from greeter" * 2
    # On the built node the proxy's nft must know protocols by name, or the proxy does not know its own rules again.
    code, told = kube.execute("kube-system", new["metadata"]["name"], "nft", "list", "table", "ip", "kube-proxy")
    assert code == 0
    assert ". tcp ." in told


def test_a_non_root_pod_writes_a_volume_and_the_next_pod_reads_it(kube: Kube, base: str, namespace: str) -> None:
    kube.create(claim(namespace, "kept"))
    mounts = [{"name": "kept", "mountPath": "/kept"}]
    volumes = [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}]
    write = container(
        base, "id -u; echo mine > /kept/file; rm /kept/file; echo written > /kept/file", volumeMounts=mounts
    )
    assert kube.output_of(pod(namespace, "writes", write, volumes=volumes)) == f"{NON_ROOT}\n"
    bound = kube.get("PersistentVolumeClaim", "kept", namespace)
    assert bound["status"]["phase"] == "Bound"
    assert bound["spec"]["storageClassName"] == default_storage_class(kube)
    read = container(base, "cat /kept/file", volumeMounts=mounts)
    assert kube.output_of(pod(namespace, "reads", read, volumes=volumes)) == "written\n"


def test_a_volume_goes_when_its_claim_goes(kube: Kube, base: str, namespace: str) -> None:
    kube.create(claim(namespace, "brief"))
    uses = container(base, "echo x > /brief/x", volumeMounts=[{"name": "brief", "mountPath": "/brief"}])
    volumes = [{"name": "brief", "persistentVolumeClaim": {"claimName": "brief"}}]
    kube.output_of(pod(namespace, "uses", uses, volumes=volumes))
    volume = kube.get("PersistentVolumeClaim", "brief", namespace)["spec"]["volumeName"]
    kube.delete("Pod", "uses", namespace)
    kube.delete("PersistentVolumeClaim", "brief", namespace)
    until(f"volume {volume} to be gone", lambda: kube.find("PersistentVolume", volume) is None, seconds=60)


def claim(namespace: str, name: str) -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def default_storage_class(kube: Kube) -> str:
    mark = "storageclass.kubernetes.io/is-default-class"
    found = [one for one in kube.list("StorageClass") if one["metadata"].get("annotations", {}).get(mark) == "true"]
    assert len(found) == 1, found
    return str(found[0]["metadata"]["name"])


def test_a_projected_token_is_good_for_its_audience_and_its_pod_only(kube: Kube, base: str, namespace: str) -> None:
    source = {"serviceAccountToken": {"path": "token", "audience": "gateway", "expirationSeconds": 600}}
    volumes = [{"name": "identity", "projected": {"sources": [source]}}]
    mounts = [{"name": "identity", "mountPath": "/identity", "readOnly": True}]
    holds = container(base, "cat /identity/token; echo; exec sleep infinity", volumeMounts=mounts)
    kube.create(pod(namespace, "bearer", holds, volumes=volumes))
    kube.await_phase(namespace, "bearer", "Running")
    token = until("the token in the log", lambda: kube.logs(namespace, "bearer").strip(), seconds=20)

    told = review(kube, token, "gateway")
    assert told["authenticated"] is True
    assert told["user"]["username"] == f"system:serviceaccount:{namespace}:default"
    assert told["user"]["extra"]["authentication.kubernetes.io/pod-name"] == ["bearer"]
    assert not review(kube, token, "another").get("authenticated")
    kube.delete("Pod", "bearer", namespace)
    until("the token to die with its pod", lambda: not review(kube, token, "gateway").get("authenticated"), seconds=60)


def review(kube: Kube, token: str, audience: str) -> Manifest:
    told = kube.create({"kind": "TokenReview", "metadata": {}, "spec": {"token": token, "audiences": [audience]}})
    status: Manifest = told["status"]
    return status
