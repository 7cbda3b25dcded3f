"""Commands that tell how the broker is."""

from __future__ import annotations

import json
import time
from typing import Any

from .api import UNAVAILABLE, Failed
from .command import COMMANDS, Ctl, argument, command, option
from .output import size


def _head(text: str) -> None:
    from click import echo, style

    echo(f"\n{style(text, bold=True)}\n")  # bold for people only: echo takes it away in a pipe


def _listener(one: dict[str, Any]) -> str:
    where = f"[{one['ip_address']}]" if ":" in one["ip_address"] else one["ip_address"]
    return f"interface: {where}, port: {one['port']}, protocol: {one['protocol']}"


@command("Nodes")
def status(ctl: Ctl) -> None:
    """Shows how the broker is: versions, memory, disk, alarms, listeners."""
    overview, (node,) = ctl.api.get("overview"), ctl.api.get("nodes")
    alarms = _alarms(ctl)
    if ctl.formatter == "json":
        print(json.dumps({"overview": overview, "node": node, "alarms": alarms}, indent=2))
        return
    ctl.say(f"Status of node {node['name']} ...")
    _head("Runtime")
    print(f"OS PID: {node['os_pid']}")
    print(f"Uptime (seconds): {node['uptime'] // 1000}")
    print(f"Leveret version: {overview['product_version']} (does what RabbitMQ {overview['rabbitmq_version']} does)")
    print(f"Runs on: {overview['erlang_full_version']}, {node['processors']} processors")
    print(f"Node name: {node['name']}")
    print(f"Cluster name: {overview['cluster_name']}")
    _head("Data directory")
    print(node["db_dir"] or "none: messages and definitions live in memory only")
    _head("Config files")
    print("\n".join(f" * {file}" for file in node["config_files"]) or "(none)")
    _head("Alarms")
    print("\n".join(f" * {one}" for one in alarms) or "(none)")
    _head("Memory")
    print(f"Process: {size(node['mem_used'])}")
    print(f"Payload of messages: {size(node['payload_bytes'])} of {size(node['mem_limit'])}")
    _head("File descriptors")
    print(f"Total: {node['fd_used']}, limit: {node['fd_total']}")
    _head("Free disk space")
    print(f"Free: {size(node['disk_free'])}, low watermark: {size(node['disk_free_limit'])}")
    _head("Totals")
    totals = overview["object_totals"]
    for name in ("connections", "channels", "exchanges", "queues", "consumers"):
        print(f"{name.capitalize()}: {totals[name]}")
    print(f"Messages: {overview['queue_totals']['messages']}")
    _head("Listeners")
    print("\n".join(map(_listener, overview["listeners"])))


@command("Nodes")
def cluster_status(ctl: Ctl) -> None:
    """Shows the nodes of the broker: there is one."""
    overview, (node,) = ctl.api.get("overview"), ctl.api.get("nodes")
    alarms = _alarms(ctl)
    if ctl.formatter == "json":
        told = {"cluster_name": overview["cluster_name"], "disk_nodes": [node["name"]], "running_nodes": [node["name"]]}
        print(json.dumps({**told, "alarms": alarms, "listeners": overview["listeners"], "partitions": {}}, indent=2))
        return
    ctl.say(f"Cluster status of node {node['name']} ...")
    _head("Basics")
    print(f"Cluster name: {overview['cluster_name']}")
    for title in ("Disk Nodes", "Running Nodes"):
        _head(title)
        print(node["name"])
    _head("Alarms")
    print("\n".join(alarms) or "(none)")
    _head("Network Partitions")
    print("(none)")
    _head("Listeners")
    for one in overview["listeners"]:
        print(f"Node: {node['name']}, {_listener(one)}")


def _alarms(ctl: Ctl) -> list[str]:
    found = ctl.api.get("health", "checks", "alarms")
    return [f"{one['resource']} alarm on node {one['node']}" for one in found.get("alarms", ())]


@command("Nodes")
def ping(ctl: Ctl) -> None:
    """Asks whether the broker answers."""
    ctl.say(f"Will ping {ctl.api.url}. Timeout: {ctl.timeout_s * 1000:.0f} ms.")
    ctl.api.get("version")
    ctl.say("Ping succeeded")


@command("Nodes", option("--interval", type=float, default=0.2, hidden=True))
def await_startup(ctl: Ctl, interval: float) -> None:
    """Waits until the broker answers."""
    end = time.monotonic() + ctl.timeout_s
    while True:
        try:
            ctl.api.get("version")
        except Failed as failed:
            if "user '" in str(failed) or time.monotonic() >= end:
                raise
            time.sleep(interval)
        else:
            return


@command("Help")
def version(ctl: Ctl) -> None:
    """Shows the version of this program."""
    from ... import __version__

    print(__version__)


@command("Nodes")
def server_version(ctl: Ctl) -> None:
    """Shows the versions of the broker."""
    found = ctl.api.get("version")
    print(f"{found['product_version']} (does what RabbitMQ {found['version']} does)")


@command("Configuration and environment")
def environment(ctl: Ctl) -> None:
    """Shows the options that the broker runs with; secrets are hidden."""
    found = ctl.api.get("config", "effective")
    ctl.say("Application environment ...")
    ctl.show(["option", "value"], [*found.items()])


@command("Observability")
def alarms(ctl: Ctl) -> None:
    """Lists the alarms: memory, disk."""
    ctl.say("Alarms reported by the node ...")
    print("\n".join(_alarms(ctl)) or "Node reported no alarms, local or clusterwide")


@command("Observability")
def listeners(ctl: Ctl) -> None:
    """Lists where clients can connect."""
    ctl.say("Asking the node for its listeners ...")
    for one in ctl.api.get("overview")["listeners"]:
        print(_listener(one))


@command("Observability", option("--unit", default="GB", hidden=True))
def memory_breakdown(ctl: Ctl, unit: str) -> None:
    """Shows what the memory of the process is used for."""
    (node,) = ctl.api.get("nodes")
    parts = ctl.api.get("nodes", node["name"], "memory")["memory"]
    total = parts["total"]["rss"] or 1
    ctl.say("Reporting memory breakdown ...")
    known = {"payload of messages": parts["binary"], "everything else": parts["other_system"]}
    ctl.show(
        ["of", "size", "percent"], [[name, size(value), f"{100 * value / total:.1f}"] for name, value in known.items()]
    )


@command("Health", argument("name", required=False))
def list_policies_that_match(ctl: Ctl, name: str | None) -> None:
    """Lists the policies whose pattern matches the name of a queue."""
    import re

    ctl.say(f"Listing policies that match name {name} in vhost {ctl.vhost} ...")
    columns = ["vhost", "name", "pattern", "apply-to", "definition", "priority"]
    found = [one for one in ctl.api.get("policies", ctl.vhost) if re.search(one["pattern"], name or "")]
    found.sort(key=lambda one: -one["priority"])
    ctl.show(columns, [[json.dumps(one[c]) if c == "definition" else one[c] for c in columns] for one in found])


# Health checks: 0, or 69 and what is wrong


def _check(ctl: Ctl, said: str, well: str, *parts: str) -> None:
    ctl.say(said)
    found = ctl.api.get("health", "checks", *parts)
    if found["status"] != "ok":
        more = {key: value for key, value in found.items() if key not in ("status", "reason")}
        raise Failed(f"{found['reason']}: {json.dumps(more)}", UNAVAILABLE)
    ctl.say(well)


@command("Health")
def check_running(ctl: Ctl) -> None:
    """Checks that the broker answers."""
    ctl.say("Checking if the broker is running ...")
    ctl.api.get("version")
    ctl.say("The broker is fully booted and running")


@command("Health")
def is_running(ctl: Ctl) -> None:
    """Says whether the broker answers."""
    ctl.say("Asking the node for its status ...")
    ctl.api.get("version")
    print("The broker is running")


@command("Health")
def is_booting(ctl: Ctl) -> None:
    """Says whether the broker is still starting; one that answers is not."""
    ctl.say("Asking the node for its status ...")
    ctl.api.get("version")
    print("The broker is not booting")


@command("Health")
def node_health_check(ctl: Ctl) -> None:
    """Checks that the broker answers and no alarm is set."""
    _check(ctl, "Checking health of the node ...", "Health check passed", "ready-to-serve-clients")


@command("Health")
def check_alarms(ctl: Ctl) -> None:
    """Checks that no alarm is set."""
    _check(ctl, "Asking the node to report any known resource alarm ...", "The node reported no alarms", "alarms")


@command("Health")
def check_local_alarms(ctl: Ctl) -> None:
    """Checks that no alarm is set on this node."""
    _check(
        ctl,
        "Asking the node to report any local resource alarm ...",
        "The node reported no local alarms",
        "local-alarms",
    )


@command("Health")
def check_virtual_hosts(ctl: Ctl) -> None:
    """Checks that all virtual hosts can be used."""
    _check(ctl, "Checking virtual hosts ...", "All virtual hosts are running", "virtual-hosts")


@command("Health", argument("port"))
def check_port_listener(ctl: Ctl, port: str) -> None:
    """Checks that the broker listens on a port."""
    _check(
        ctl,
        f"Asking the node if there's an active listener on port {port} ...",
        "A listener for it is active",
        "port-listener",
        port,
    )


@command("Health", argument("protocol"))
def check_protocol_listener(ctl: Ctl, protocol: str) -> None:
    """Checks that the broker listens for a protocol."""
    said = f"Asking the node if there's an active listener for protocol {protocol} ..."
    _check(ctl, said, "A listener for it is active", "protocol-listener", protocol)


@command("Health", option("--address", help="Instead of the address that the broker listens on."))
def check_port_connectivity(ctl: Ctl, address: str | None) -> None:
    """Checks that one can connect to every port that the broker listens on."""
    import socket

    ctl.say("Testing TCP connections to all active listeners ...")
    for one in ctl.api.get("overview")["listeners"]:
        try:
            socket.create_connection((address or one["ip_address"], one["port"]), ctl.timeout_s).close()
        except OSError as error:
            raise Failed(f"cannot connect to {_listener(one)}: {error.strerror or error}") from None
    ctl.say("Successfully connected to all of them")


@command("Health", option("--within", default="4"), option("--unit", default="weeks"))
def check_certificate_expiration(ctl: Ctl, within: str, unit: str) -> None:
    """Checks that no certificate of the broker expires soon."""
    said = f"Checking certificate expiration within {within} {unit} ..."
    _check(ctl, said, "No certificates are expiring", "certificate-expiration", within, unit)


@command("Observability")
def report(ctl: Ctl) -> None:
    """Shows the status and all lists at once, for who helps you."""
    names = (
        "status environment list_vhosts list_users list_connections list_channels list_queues list_exchanges"
        " list_bindings list_consumers list_policies list_operator_policies list_parameters list_global_parameters"
        " list_permissions list_feature_flags"
    )
    for name in names.split():
        declared = COMMANDS[name]
        print(f"== {name}")
        declared.handler(ctl, **{one.name: () for one in declared.params if one.name == "columns"})
        print()
