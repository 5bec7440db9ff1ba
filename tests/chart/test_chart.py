# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: what it renders, with both versions of Helm, for each of its ci values."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "hookline"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
BROKERS = ["--set", "kafka.brokers=kafka:9092"]
KUBERNETES = "1.36.0"  # one that is compiled here says 1.20 of itself
# Schemas of Kubernetes and of others' kinds; without them kubeconform loads its own.
SCHEMAS = pathlib.Path(os.environ.get("HOOKLINE_TEST_K8S_SCHEMAS", ROOT.parent / "shared" / "k8s-schemas"))


def tool(name):
    done = subprocess.run([ROOT / "dev" / "tool", name], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["helm3", "helm4"])
def helm(request):
    return tool(request.param)


@pytest.fixture
def any_helm():
    return tool("helm4")


@pytest.fixture(params=CI, ids=lambda path: path.name.removesuffix("-values.yaml"))
def values(request):
    return request.param


def run(*args, check=True, stdin=None):
    done = subprocess.run(args, capture_output=True, text=True, input=stdin)
    assert not check or done.returncode == 0, f"{' '.join(map(str, args))}\n{done.stdout}{done.stderr}"
    return done


def render(helm, *args, release="rel"):
    """All objects, tests and hooks too."""
    text = run(helm, "template", release, CHART, "--namespace", "hooks", "--kube-version", KUBERNETES, *args).stdout
    return [each for each in yaml.safe_load_all(text) if each]


def pick(objects, kind, name=None):
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert name is None or len(found) == 1, (kind, name, [each["metadata"]["name"] for each in objects])
    return found[0] if name else found


def pod_specs(objects):
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], spec
        elif "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def refused(helm, *sets):
    args = [arg for value in sets for arg in ("--set", value)]
    done = run(helm, "template", "rel", CHART, "--kube-version", KUBERNETES, *args, check=False)
    assert done.returncode != 0
    return done.stderr


# Rendering.


def test_lint(helm, values):
    run(helm, "lint", "--strict", CHART, "-f", values)


def test_default_with_brokers(helm):
    run(helm, "lint", "--strict", CHART, *BROKERS)
    kinds = {each["kind"] for each in render(helm, *BROKERS)}
    assert kinds == {"Deployment", "ConfigMap", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Pod"}


def test_objects_are_valid(any_helm, values):
    kubeconform = tool("kubeconform")
    locations = []
    if SCHEMAS.is_dir():
        locations = ["-schema-location",
                     f"{SCHEMAS}/{{{{.NormalizedKubernetesVersion}}}}-standalone{{{{.StrictSuffix}}}}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
                     "-schema-location", f"{SCHEMAS}/crds/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"]
    text = run(any_helm, "template", "rel", CHART, "--namespace", "hooks", "-f", values).stdout
    done = run(kubeconform, "-strict", "-summary", "-kubernetes-version", KUBERNETES, *locations, stdin=text, check=False)
    if not locations and re.search("could not find schema|failed downloading schema", done.stdout + done.stderr):
        pytest.skip(f"there are no schemas in {SCHEMAS} (HOOKLINE_TEST_K8S_SCHEMAS), and none could be loaded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Skipped: 0" in done.stdout and "Valid: 0" not in done.stdout


def test_both_versions_render_the_same(values):
    first, second = (render(tool(name), "-f", values) for name in ("helm3", "helm4"))

    def sort(objects):
        return sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"]))

    assert sort(first) == sort(second)


def restricted(spec):
    """What the Pod Security Standard "restricted" does not allow in a pod:
    https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    pod = spec.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= allowed:
            yield f"volume {volume['name']}"
    if pod.get("sysctls") or pod.get("windowsOptions"):
        yield "sysctls or windowsOptions"
    for container in spec.get("initContainers", []) + spec["containers"] + spec.get("ephemeralContainers", []):
        own, name = container.get("securityContext", {}), container["name"]
        if own.get("privileged") or own.get("procMount", "Default") != "Default":
            yield f"{name}: privileged or procMount"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            yield f"{name}: runAsNonRoot"
        if own.get("runAsUser", pod.get("runAsUser", 1)) == 0:
            yield f"{name}: runAsUser"
        if own.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile"
        capabilities = own.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", []) or not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}:
            yield f"{name}: capabilities"
        if any(port.get("hostPort") for port in container.get("ports", [])):
            yield f"{name}: hostPort"


def test_restricted_says_no():
    assert len(list(restricted({"containers": [{"name": "c"}]}))) == 4
    assert list(restricted({"hostNetwork": True, "volumes": [{"name": "v", "hostPath": {"path": "/"}}], "containers": []})) == [
        "hostNetwork", "volume v"]


def test_pods_are_restricted(any_helm, values):
    pods = dict(pod_specs(render(any_helm, "-f", values)))
    assert any(name.endswith("-test") for name in pods)
    for name, spec in pods.items():
        assert list(restricted(spec)) == [], name
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False, name
        for container in spec["containers"]:
            if container["name"] in ("hookline", "check", "apply"):
                assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
                assert container["resources"]["limits"]["memory"] and container["resources"]["requests"], name


def settings_of(objects):
    """The settings files, by the component that mounts them."""
    for each in pick(objects, "ConfigMap"):
        for key, text in each.get("data", {}).items():
            if key.endswith(".conf"):
                yield key.removesuffix(".conf"), text


def test_the_program_takes_the_settings(any_helm, values, tmp_path):
    """With the files that a pod mounts in their places."""
    mounted = {"kafka-sasl/username": "hookline\n", "kafka-sasl/password": "s,e=c#r\\et\n",
               "secrets/keys": "k1 " + "A" * 43 + "=\n", "tokens/tokens.json": '{"tokens": []}'}
    for path, text in mounted.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    found = dict(settings_of(render(any_helm, "-f", values)))
    assert found or "existingConfigMap" in values.read_text()
    for name, text in found.items():
        # Whoever checks does not load certificates: that Kafka's and the console's are there is not looked at.
        file = tmp_path / f"{name}.conf"
        file.write_text(text.replace("/etc/hookline/", f"{tmp_path}/"))
        done = run(ROOT / "build" / "hookline", "check", "--config", file, check=False)
        assert done.returncode == 0, (name, text, done.stderr)


def test_texts_in_settings_are_what_they_were(any_helm, tmp_path):
    odd = 'q"uo\\te <é> & \t, end'
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps({"kafka": {"brokers": "k:9092", "properties": ["client.rack=" + odd]}}))
    conf = tmp_path / "bridge.conf"
    conf.write_text(dict(settings_of(render(any_helm, "-f", file)))["bridge"])
    shown = json.loads(run(ROOT / "build" / "hookline", "settings", "--json", "--config", conf).stdout)
    assert shown["kafka"]["properties"]["value"] == ["client.rack=" + odd]


def test_precedence_of_settings(any_helm, tmp_path):
    found = dict(settings_of(render(any_helm, "-f", CHART / "ci" / "pools-values.yaml")))
    assert set(found) == {"bridge", "consumer-vip", "consumer-rest", "tools"}

    def value(name, path):
        conf = tmp_path / f"{name}.conf"
        conf.write_text(found[name])
        group, setting = path.split(".")
        return json.loads(run(ROOT / "build" / "hookline", "settings", "--json", "--config", conf).stdout)[group][setting]["value"]

    assert [value(name, "log.level") for name in ("bridge", "consumer-vip", "consumer-rest")] == ["warn", "info", "warn"]
    assert value("consumer-vip", "consumer.tenants") == ["acme", "globex-*"]
    assert value("consumer-vip", "consumer.max_in_flight") == 2000 and value("bridge", "consumer.max_in_flight") == 1000
    assert value("bridge", "ttl.other") == "2d" and value("bridge", "probes.listen") == ":9464"


def test_pods_are_replaced_when_their_settings_change(any_helm):
    def sums(*args):
        return {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for each in pick(render(any_helm, *BROKERS, *args), "Deployment")}

    before = sums()
    assert sums() == before
    after = sums("--set", "consumers.default.config.log.level=debug")
    assert after["rel-hookline-bridge"] == before["rel-hookline-bridge"]
    assert after["rel-hookline-consumer-default"] != before["rel-hookline-consumer-default"]
    assert all(sums("--set", "topics.events={other}")[name] != value for name, value in before.items())


def test_with_a_configmap_of_ones_own(any_helm):
    objects = render(any_helm, "-f", CHART / "ci" / "existing-configmap-values.yaml")
    consumer = pick(objects, "Deployment", "rel-hookline-consumer-default")["spec"]["template"]["spec"]
    env = {each["name"]: each["value"] for each in consumer["containers"][0]["env"]}
    assert env == {"HOOKLINE_CONFIG": "/etc/hookline/config/hookline.conf", "HOOKLINE_PROBES_LISTEN": ":9464",
                   "HOOKLINE_CONSUMER_TENANTS": "acme,globex",
                   "HOOKLINE_KAFKA_USERNAME_FILE": "/etc/hookline/kafka-sasl/username",
                   "HOOKLINE_KAFKA_PASSWORD_FILE": "/etc/hookline/kafka-sasl/password"}
    assert {"configMap": {"name": "my-hookline", "items": [{"key": "hookline.conf", "path": "hookline.conf"}]},
            "name": "config"} in consumer["volumes"]
    run(ROOT / "build" / "hookline", "settings", *(f"--set={name.removeprefix('HOOKLINE_').lower().replace('_', '.', 1)}={value}"
        for name, value in env.items() if name not in ("HOOKLINE_CONFIG",) and not name.endswith("_FILE")))


# What is in the objects.


def test_network_policies(any_helm):
    objects = render(any_helm, "-f", CHART / "ci" / "everything-values.yaml")

    def blocks(name):
        policy = pick(objects, "NetworkPolicy", name)["spec"]
        return [peer["ipBlock"] for rule in policy["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]

    public = next(block for block in blocks("hooks-consumer-vip") if block["cidr"] == "0.0.0.0/0")
    assert {"10.0.0.0/8", "169.254.0.0/16", "127.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"} <= set(public["except"])
    assert {"10.1.2.3/32", "10.9.0.0/16", "fd00::7/128"} <= {block["cidr"] for block in blocks("hooks-consumer-vip")}
    assert "0.0.0.0/0" not in {block["cidr"] for block in blocks("hooks-bridge")}, "bridges have nothing to do outside"
    assert "0.0.0.0/0" in {block["cidr"] for block in blocks("hooks-console")}, "the console asks endpoints (handshakes)"
    policy = pick(objects, "NetworkPolicy", "hooks-bridge")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 9093, 3128]
    labels = [each["spec"]["podSelector"]["matchLabels"] for each in pick(objects, "NetworkPolicy")]
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in pick(objects, "Deployment") + pick(objects, "Job")]
    for pod in pods:
        assert sum(label.items() <= pod.items() for label in labels) == 1, pod


def test_private_endpoints_where_they_are_allowed(any_helm):
    objects = render(any_helm, *BROKERS, "--set", "egress.allow_private=true")
    policy = pick(objects, "NetworkPolicy", "rel-hookline-consumer-default")["spec"]
    assert {"ipBlock": {"cidr": "0.0.0.0/0"}} in policy["egress"][-1]["to"]


def test_selectors_find_their_pods_only(any_helm, values):
    objects = render(any_helm, "-f", values)
    deployments = pick(objects, "Deployment")
    for each in deployments + pick(objects, "PodDisruptionBudget"):
        selector = each["spec"]["selector"]["matchLabels"].items()
        found = [other["metadata"]["name"] for other in deployments
                 if selector <= other["spec"]["template"]["metadata"]["labels"].items()]
        assert found == [each["metadata"]["name"]]


def test_autoscalers_own_the_replicas(any_helm):
    objects = render(any_helm, "-f", CHART / "ci" / "keda-values.yaml")
    assert all("replicas" not in each["spec"] for each in pick(objects, "Deployment"))
    scaled = pick(objects, "ScaledObject", "rel-hookline-consumer-default")["spec"]
    assert [trigger["metadata"]["threshold"] for trigger in scaled["triggers"]] == ["10", "5000"]
    assert pick(objects, "HorizontalPodAutoscaler", "rel-hookline-bridge")["spec"]["scaleTargetRef"]["name"] == "rel-hookline-bridge"


def test_secrets_are_only_named(any_helm, values):
    assert pick(render(any_helm, "-f", values), "Secret") == []


def test_images_and_names(any_helm):
    objects = render(any_helm, "-f", CHART / "ci" / "everything-values.yaml")
    images = {c["image"] for _, spec in pod_specs(objects) for c in spec["containers"] if c["name"] != "sidecar"}
    assert images == {"registry.example.com/hookline@sha256:" + "0123456789abcdef" * 4}
    long = render(any_helm, *BROKERS, release="r" * 53)
    assert all(len(each["metadata"]["name"]) <= 63 for each in long)


def test_version_is_the_projects():
    version = re.search(r"project\(hookline VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


# Mistakes.

MISTAKES = [
    ([], "kafka.brokers is empty"),
    (["kafka.brokers=k:1", "kafka.sasl.mechanism=PLAIN"], "kafka.sasl.existingSecret is empty"),
    (["kafka.brokers=k:1", "kafka.sasl.existingSecret=s"], "kafka.sasl.mechanism is empty"),
    (["kafka.brokers=k:1", "kafka.tls.existingSecret=s"], "kafka.tls.enabled is not"),
    (["kafka.brokers=k:1", "kafka.tls.clientCertificate=true"], "needs kafka.tls.existingSecret"),
    (["kafka.brokers=k:1", "kafka.properties={sasl.password=x}"], "kafka.properties has sasl.password"),
    (["existingConfigMap=c", "kafka.brokers=k:1"], "existingConfigMap brings its own settings"),
    (["existingConfigMap=c", "config.log.level=warn"], "existingConfigMap brings its own settings"),
    (["kafka.brokers=k:1", "bridge.enabled=false", "consumers.default=null"], "nothing is enabled"),
    (["kafka.brokers=k:1", "common.autoscaling.hpa.enabled=true", "common.autoscaling.keda.enabled=true"],
     "autoscaling: hpa and keda are both enabled"),
    (["kafka.brokers=k:1", "bridge.autoscaling.hpa.enabled=true", "bridge.autoscaling.hpa.minReplicas=9"],
     "bridge.autoscaling.hpa: minReplicas is greater than maxReplicas"),
    (["kafka.brokers=k:1", "config.consumer.drain_timeout=2m"],
     "consumers.default: consumer.drain_timeout is 2m, and terminationGracePeriodSeconds 45"),
    (["kafka.brokers=k:1", "common.terminationGracePeriodSeconds=25"], "pods would be killed while they drain"),
    (["kafka.brokers=k:1", "console.enabled=true"], "console.tokensSecret is empty"),
    (["kafka.brokers=k:1", "console.ingress.enabled=true"], "console.enabled is not"),
    (["kafka.brokers=k:1", "console.httpRoute.enabled=true"], "console.enabled is not"),
    (["kafka.brokers=k:1", "console.enabled=true", "console.tokensSecret=t", "console.ingress.enabled=true"],
     "console.ingress.hosts is empty"),
    (["kafka.brokers=k:1", "console.enabled=true", "console.tokensSecret=t", "console.httpRoute.enabled=true"],
     "names no gateway"),
    (["kafka.brokers=k:1", "metrics.podMonitor.enabled=true", "metrics.serviceMonitor.enabled=true"], "counted twice"),
    (["kafka.brokers=k:1", "subscriptions.items[0].tenant=a"], "subscriptions.items[0] has no id"),
    (["kafka.brokers=k:1", "subscriptions.items[0].tenant=a", "subscriptions.items[0].id=b", "subscriptions.items[0].url=u",
      "subscriptions.items[0].events={x}", "subscriptions.items[0].secrets={x}"], "has secrets, which would stand in"),
    # By the schema.
    (["kafka.broker=k:1"], "'broker'"),
    (["kafka.brokers=k:1", "config.log.levl=warn"], "'levl'"),
    (["kafka.brokers=k:1", "config.kafka.brokers=x"], "'brokers'"),
    (["kafka.brokers=k:1", "config.consumer.timeout=5"], "/config/consumer/timeout"),
    (["kafka.brokers=k:1", "config.log.level=loud"], "/config/log/level"),
    (["kafka.brokers=k:1", "topics.event={x}"], "'event'"),
    (["kafka.brokers=k:1", "bridge.replica=2"], "'replica'"),
    (["kafka.brokers=k:1", "consumers.Vip.replicas=2"], "'Vip'"),
    (["kafka.brokers=k:1", "consumers.vip.tenant={a}"], "'tenant'"),
    (["kafka.brokers=k:1", "image.pullPolicy=Sometimes"], "/image/pullPolicy"),
    (["kafka.brokers=k:1", "common.replicas=two"], "/common/replicas"),
]


@pytest.mark.parametrize("sets, sentence", MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_are_named(any_helm, sets, sentence):
    assert sentence in refused(any_helm, *sets)


@pytest.mark.parametrize("sets, sentence", MISTAKES[::5], ids=lambda value: value if isinstance(value, str) else "")
def test_helm3_names_them_too(sets, sentence):
    assert sentence.strip("'") in refused(tool("helm3"), *sets)


def test_notes_say_what_was_installed(any_helm, values):
    """By a dry run, which needs no cluster."""
    done = run(any_helm, "template", "rel", CHART, "--namespace", "hooks", "-f", values, "--show-only", "templates/NOTES.txt",
               check=False)
    if done.returncode:
        done = run(any_helm, "install", "rel", CHART, "--namespace", "hooks", "-f", values, "--dry-run=client")
    assert "kubectl -n hooks rollout status deployment/" in done.stdout
