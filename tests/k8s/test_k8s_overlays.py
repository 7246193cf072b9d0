"""The overlays: `kubectl apply -k k8s/overlays/X` is the whole of a user's act, once k8s/site is filled in."""

import json
import os
import re
import shutil
import subprocess

import pytest

from berth.cluster import jobset
from support.k8s_manifests import IMAGE, K8S, OVERLAYS, containers, jobs, kustomize, of_kind, templates

# What Kubernetes takes as the value of a label, on any kind of object (63 characters at most).
LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
VERSION = "app.kubernetes.io/version"


def amount(quantity):
    """A quantity as a number."""
    number, suffix = re.fullmatch(r"([\d.]+)([KMGT]i)?", str(quantity)).groups()
    return float(number) * 1024 ** (" KMGT".index(suffix[0]) if suffix else 0)


def test_the_queue_has_quota_for_all_that_a_job_asks_for(overlays):
    """Kueue admits no job that asks for a resource its queue does not know."""
    for documents in overlays.values():
        (queue,) = of_kind(documents, "ClusterQueue")
        (group,) = queue["spec"]["resourceGroups"]
        (flavor,) = group["flavors"]
        assert [resource["name"] for resource in flavor["resources"]] == group["coveredResources"]
        quota = {resource["name"]: amount(resource["nominalQuota"]) for resource in flavor["resources"]}
        for spec in jobs(documents):
            for container in spec["template"]["spec"]["containers"]:
                for name, asked in container["resources"]["requests"].items():
                    assert amount(asked) * spec.get("completions", 1) <= quota[name]


def test_everything_named_is_there(overlays):
    for documents in overlays.values():
        accounts = {document["metadata"]["name"] for document in of_kind(documents, "ServiceAccount")}
        configs = {document["metadata"]["name"] for document in of_kind(documents, "ConfigMap")}
        for template in templates(documents):
            pod = template["spec"]
            assert pod["serviceAccountName"] in accounts
            named = {volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
            for container in pod["containers"]:
                named |= {source["configMapRef"]["name"] for source in container.get("envFrom", [])}
                mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
                assert mounted <= {volume["name"] for volume in pod["volumes"]}
            assert named <= configs
        assert all(
            document["metadata"].get("namespace") == "berth"
            for document in documents
            if document["kind"] not in {"Namespace", "ClusterQueue", "ResourceFlavor"}
        )


def test_another_recipe_is_another_name_in_the_jobset(tmp_path):
    """A hash of the recipe reaches what reads it, also in a kind that kustomize does not know."""
    shutil.copytree(K8S, tmp_path / "k8s")
    names = set()
    for text in ("extends: quickstart\n", "extends: quickstart\nseed: 2\n"):
        (tmp_path / "k8s" / "site" / "recipe.yaml").write_text(text)
        documents = kustomize(tmp_path / "k8s" / "overlays" / "train-tpu")
        (config,) = [d for d in of_kind(documents, "ConfigMap") if "recipe.yaml" in d["data"]]
        (jobset,) = of_kind(documents, "JobSet")
        (template,) = templates([jobset])
        (volume,) = [volume for volume in template["spec"]["volumes"] if volume["name"] == "recipe"]
        assert config["data"]["recipe.yaml"] == text and volume["configMap"]["name"] == config["metadata"]["name"]
        names.add(config["metadata"]["name"])
    assert len(names) == 2


def test_people_may_do_what_jobs_need_and_no_more(overlays):
    roles = {role["metadata"]["name"]: role for role in of_kind(overlays["train-gpu"], "Role")}
    assert set(roles) == {"berth-user", "berth-pipeline", "berth-jobset"}
    assert not of_kind(overlays["train-gpu"], "ClusterRole", "ClusterRoleBinding")
    for role in roles.values():
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert not {"secrets", "pods/exec", "serviceaccounts", "roles"} & set(rule["resources"])


def test_only_the_pipelines_accounts_have_rights_and_only_one_a_token(overlays):
    documents = overlays["train-gpu"]
    bound = {
        binding["roleRef"]["name"]: subject["name"]
        for binding in of_kind(documents, "RoleBinding")
        for subject in binding["subjects"]
        if subject["kind"] == "ServiceAccount"
    }
    assert bound == {"berth-pipeline": "berth", "berth-jobset": "berth-jobset"}
    accounts = of_kind(documents, "ServiceAccount")
    with_token = {each["metadata"]["name"] for each in accounts if each["automountServiceAccountToken"]}
    assert with_token == {"berth"}
    assert not [pod for pod in templates(documents) if pod["spec"]["serviceAccountName"] == "berth-jobset"]


def test_only_the_task_that_starts_a_jobset_may_do_so(overlays):
    """`train` creates config maps and a JobSet, looks at it, replaces one that has ended (berth/cluster/jobset.py)."""
    documents = overlays["train-gpu"]
    roles = {role["metadata"]["name"]: role for role in of_kind(documents, "Role")}
    may = {
        name: {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
        for name, role in roles.items()
    }
    assert may["berth-jobset"] == {"jobsets": {"create", "delete", "get"}, "configmaps": {"create"}}
    assert may["berth-pipeline"] == {"configmaps": {"get"}, "pods": {"get"}, "workflowtaskresults": {"create", "patch"}}
    (secret,) = of_kind(documents, "Secret")
    assert secret["metadata"]["name"] == jobset.SECRET
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "berth-jobset"}
    assert secret["type"] == "kubernetes.io/service-account-token"


def test_pods_connect_only_where_they_must(overlays):
    for documents in overlays.values():
        policies = [policy["spec"] for policy in of_kind(documents, "NetworkPolicy")]
        (egress,) = [policy for policy in policies if policy["policyTypes"] == ["Egress"]]
        assert egress["podSelector"] == {}
        anywhere = {port["port"] for rule in egress["egress"] if "to" not in rule for port in rule["ports"]}
        assert anywhere == {53, 443}


def test_flinks_ports_are_open_to_flink_and_the_launcher_only(overlays):
    """Policies are added up: the base's must not select Flink's pods."""
    documents = overlays["flink"]
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(documents, "NetworkPolicy")}
    (others,) = policies["berth"]["podSelector"]["matchExpressions"]
    flink = {"flink-jobmanager", "flink-taskmanager"}
    assert others["operator"] == "NotIn" and set(others["values"]) == flink
    for name in flink:
        assert policies[name]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": name}
        for rule in policies[name]["ingress"]:
            ((selector,),) = [[source["podSelector"] for source in rule["from"]]]
            if "ports" in rule:
                assert selector == {"matchLabels": {"app.kubernetes.io/component": "data-prep"}}
            else:
                assert set(selector["matchExpressions"][0]["values"]) == flink
    (config,) = [config for config in of_kind(documents, "ConfigMap") if "flink-conf.yaml" in config["data"]]
    assert "web.submit.enable: false" in config["data"]["flink-conf.yaml"]


def test_what_is_not_filled_in_is_refused_by_kubernetes(overlays):
    """The placeholder for the version in k8s/site is not a valid label: Kubernetes refuses all objects with it."""
    for documents in overlays.values():
        for document in documents:
            said = document["metadata"]["labels"][VERSION]
            assert "k8s/site" in said and not LABEL.fullmatch(said)


@pytest.fixture(scope="module")
def filled_in(tmp_path_factory):
    """A checkout in which the commands of docs/gke.md have been run; the registry is a stand-in."""
    (commands,) = re.findall(r"```bash\n(.*?)```", (K8S.parent / "docs" / "gke.md").read_text(), re.DOTALL)
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(K8S, checkout / "k8s")
    image, _, digest = IMAGE.partition("@")
    (checkout / "gcloud").write_text(f"#!/bin/sh\necho {digest}\n")
    (checkout / "docker").write_text(f"#!/bin/sh\necho sha256:{'f' * 64}\n")
    for program in ("gcloud", "docker"):
        (checkout / program).chmod(0o755)
    given = {"IMAGE": image, "VERSION": "1.0.0", "BUCKET": "my-bucket", "PROJECT": "my-project"}
    environment = {**os.environ, **given, "PATH": f"{checkout}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-euc", commands], cwd=checkout, env=environment, check=True)
    return checkout / "k8s" / "overlays"


@pytest.mark.parametrize("name", OVERLAYS)
def test_after_the_pages_commands_nothing_is_left_to_fill_in(filled_in, name):
    documents = kustomize(filled_in / name)
    for document in documents:
        assert document["metadata"]["labels"][VERSION] == "1.0.0"
        if document["kind"] != "ConfigMap":  # the recipe is the user's
            assert not re.search(r"\b(PROJECT|BUCKET|REGION)\b", json.dumps(document))
    (config,) = [d for d in of_kind(documents, "ConfigMap") if "BERTH_WORKSPACE" in d["data"]]
    assert config["data"]["BERTH_WORKSPACE"] == "gs://my-bucket/workspace"
    for container in containers(documents):
        assert container["image"] in (IMAGE, f"flink@sha256:{'f' * 64}")
