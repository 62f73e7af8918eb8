#!/usr/bin/env python3
"""Checks the Kubernetes objects of a file against the API's own schemas, in two versions, and
writes the manifest that the ConfigMap holds: kubernetes.py OBJECTS MANIFEST.

The schemas refuse a field that they do not know. Beyond them, what belongs together is compared:
ports by name, labels, secrets, volumes.
"""

import sys

import kubernetes_validate
import yaml

VERSIONS = ("1.29", "1.37")


def named(objects, kind, name=None):
    """The one object of a kind, or of a kind and a name."""
    found = [
        each
        for each in objects
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    ]
    assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}"
    return found[0]


def check(objects):
    """Compares what the schemas cannot: references between the objects."""
    pods = named(objects, "StatefulSet")["spec"]
    labels = pods["template"]["metadata"]["labels"]
    container = pods["template"]["spec"]["containers"][0]
    ports = {port["name"] for port in container["ports"]}
    for kind in ("StatefulSet", "PodDisruptionBudget"):
        assert named(objects, kind)["spec"]["selector"]["matchLabels"] == labels, kind
    for service in (each for each in objects if each["kind"] == "Service"):
        assert service["spec"]["selector"] == labels, service["metadata"]["name"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports, probe
    volumes = {volume["name"] for volume in pods["template"]["spec"]["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in pods["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    secrets = named(objects, "Secret")["stringData"]
    manifest = named(objects, "ConfigMap")["data"]["tollgate.toml"]
    for name in secrets:
        assert f"${{{name}}}" in manifest, f"the manifest does not use {name}"
    assert pods["replicas"] == 1, "one gateway on one ledger"
    return manifest


def main():
    with open(sys.argv[1]) as file:
        objects = [each for each in yaml.safe_load_all(file) if each]
    for each in objects:
        for version in VERSIONS:
            kubernetes_validate.validate(each, version, strict=True)
    with open(sys.argv[2], "w") as file:
        file.write(check(objects))


main()
