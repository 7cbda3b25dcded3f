"""Commands that change something else than users."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from .api import DATA, UNAVAILABLE, USAGE, Failed, NotThere
from .command import Ctl, argument, command, json_of, object_of, option

# Virtual hosts


@command(
    "Virtual hosts",
    argument("name"),
    option("--description"),
    option("--tags", help="Words with commas between."),
    option("--default-queue-type", "queue_type"),
)
def add_vhost(ctl: Ctl, name: str, description: str | None, tags: str | None, queue_type: str | None) -> None:
    """Creates a virtual host."""
    ctl.say(f'Adding vhost "{name}" ...')
    said = {"description": description, "tags": tags, "default_queue_type": queue_type}
    ctl.api.put("vhosts", name, said={key: value for key, value in said.items() if value is not None})


def _vhost(ctl: Ctl, name: str) -> None:
    if not ctl.api.is_there("vhosts", name):
        raise Failed(f"Virtual host '{name}' does not exist", DATA)


@command("Virtual hosts", argument("name"))
def delete_vhost(ctl: Ctl, name: str) -> None:
    """Deletes a virtual host with everything in it."""
    ctl.say(f'Deleting vhost "{name}" ...')
    try:
        ctl.api.delete("vhosts", name)
    except NotThere:
        raise Failed(f"Virtual host '{name}' does not exist", DATA) from None


@command(
    "Virtual hosts",
    argument("name"),
    option("--description"),
    option("--tags", help="Words with commas between."),
    option("--default-queue-type", "queue_type"),
)
def update_vhost_metadata(
    ctl: Ctl, name: str, description: str | None, tags: str | None, queue_type: str | None
) -> None:
    """Changes the description, tags and so on of a virtual host."""
    ctl.say(f'Updating metadata of vhost "{name}" ...')
    _vhost(ctl, name)
    said = {"description": description, "tags": tags, "default_queue_type": queue_type}
    ctl.api.put("vhosts", name, said={key: value for key, value in said.items() if value is not None})


@command("Virtual hosts", argument("name"), argument("tags", nargs=-1))
def set_vhost_tags(ctl: Ctl, name: str, tags: tuple[str, ...]) -> None:
    """Sets the tags of a virtual host."""
    ctl.say(f'Setting tags for vhost "{name}" to [{", ".join(tags)}] ...')
    _vhost(ctl, name)
    ctl.api.put("vhosts", name, said={"tags": [*tags]})


@command("Virtual hosts", argument("name"))
def enable_vhost_deletion_protection(ctl: Ctl, name: str) -> None:
    """Protects a virtual host from being deleted."""
    ctl.say(f'Protecting vhost "{name}" from deletion ...')
    _vhost(ctl, name)
    ctl.api.call("POST", "vhosts", name, "deletion", "protection")


@command("Virtual hosts", argument("name"))
def disable_vhost_deletion_protection(ctl: Ctl, name: str) -> None:
    """Lets a virtual host be deleted again."""
    ctl.say(f'Ending the protection of vhost "{name}" from deletion ...')
    _vhost(ctl, name)
    ctl.api.delete("vhosts", name, "deletion", "protection")


@command("Virtual hosts", argument("definition"))
def set_vhost_limits(ctl: Ctl, definition: str) -> None:
    """Sets limits of a virtual host: a JSON object with max-connections, max-queues."""
    ctl.say(f'Setting vhost limits to "{definition}" for vhost "{ctl.vhost}" ...')
    for name, value in object_of(definition).items():
        ctl.api.put("vhost-limits", ctl.vhost, name, said={"value": value})


@command("Virtual hosts")
def clear_vhost_limits(ctl: Ctl) -> None:
    """Clears the limits of a virtual host."""
    ctl.say(f'Clearing vhost "{ctl.vhost}" limits ...')
    for name in ("max-connections", "max-queues"):
        ctl.api.delete("vhost-limits", ctl.vhost, name)


@command("Virtual hosts", argument("vhost", required=False))
def trace_on(ctl: Ctl, vhost: str | None) -> None:
    """Starts tracing: copies of all messages go to amq.rabbitmq.trace."""
    _trace(ctl, vhost or ctl.vhost, True)


@command("Virtual hosts", argument("vhost", required=False))
def trace_off(ctl: Ctl, vhost: str | None) -> None:
    """Stops tracing."""
    _trace(ctl, vhost or ctl.vhost, False)


def _trace(ctl: Ctl, vhost: str, on: bool) -> None:
    ctl.say(f'{"Starting" if on else "Stopping"} tracing for vhost "{vhost}" ...')
    _vhost(ctl, vhost)
    ctl.api.put("vhosts", vhost, said={"tracing": on})
    ctl.say(f"Trace {'enabled' if on else 'disabled'} for vhost {vhost}")


# Policies and parameters


_POLICY: Final = (
    argument("name"),
    argument("pattern"),
    argument("definition"),
    option("--priority", type=int, default=0, show_default=True),
    option("--apply-to", default="all", show_default=True),
)


@command("Policies", *_POLICY)
def set_policy(ctl: Ctl, name: str, pattern: str, definition: str, priority: int, apply_to: str) -> None:
    """Sets a policy for all queues and exchanges whose names match a pattern."""
    _set_policy(ctl, "policies", 'policy "', name, pattern, definition, priority, apply_to)


@command("Policies", *_POLICY)
def set_operator_policy(ctl: Ctl, name: str, pattern: str, definition: str, priority: int, apply_to: str) -> None:
    """Sets an operator policy: limits that policies and arguments cannot exceed."""
    _set_policy(ctl, "operator-policies", 'operator policy override "', name, pattern, definition, priority, apply_to)


def _set_policy(
    ctl: Ctl, kind: str, what: str, name: str, pattern: str, definition: str, priority: int, apply_to: str
) -> None:
    ctl.say(
        f'Setting {what}{name}" for pattern "{pattern}" to "{definition}" with priority "{priority}"'
        f' for vhost "{ctl.vhost}" ...'
    )
    said = {"pattern": pattern, "definition": object_of(definition), "priority": priority, "apply-to": apply_to}
    ctl.api.put(kind, ctl.vhost, name, said=said)


@command("Policies", argument("name"))
def clear_policy(ctl: Ctl, name: str) -> None:
    """Clears a policy."""
    ctl.say(f'Clearing policy "{name}" on vhost "{ctl.vhost}" ...')
    _clear(ctl, "policies", ctl.vhost, name)


@command("Policies", argument("name"))
def clear_operator_policy(ctl: Ctl, name: str) -> None:
    """Clears an operator policy."""
    ctl.say(f'Clearing operator policy "{name}" on vhost "{ctl.vhost}" ...')
    _clear(ctl, "operator-policies", ctl.vhost, name)


def _clear(ctl: Ctl, *parts: str) -> None:
    try:
        ctl.api.delete(*parts)
    except NotThere:
        raise Failed("Parameter does not exist", UNAVAILABLE) from None


@command("Parameters", argument("component"), argument("name"), argument("value"))
def set_parameter(ctl: Ctl, component: str, name: str, value: str) -> None:
    """Sets a runtime parameter."""
    ctl.say(f'Setting runtime parameter "{name}" for component "{component}" to "{value}" in vhost "{ctl.vhost}" ...')
    ctl.api.put("parameters", component, ctl.vhost, name, said={"value": json_of(value)})


@command("Parameters", argument("component"), argument("name"))
def clear_parameter(ctl: Ctl, component: str, name: str) -> None:
    """Clears a runtime parameter."""
    ctl.say(f'Clearing runtime parameter "{name}" for component "{component}" on vhost "{ctl.vhost}" ...')
    _clear(ctl, "parameters", component, ctl.vhost, name)


@command("Parameters", argument("name"), argument("value"))
def set_global_parameter(ctl: Ctl, name: str, value: str) -> None:
    """Sets a global runtime parameter."""
    ctl.say(f'Setting global runtime parameter "{name}" to "{value}" ...')
    ctl.api.put("global-parameters", name, said={"value": json_of(value)})


@command("Parameters", argument("name"))
def clear_global_parameter(ctl: Ctl, name: str) -> None:
    """Clears a global runtime parameter."""
    ctl.say(f'Clearing global runtime parameter "{name}" ...')
    _clear(ctl, "global-parameters", name)


@command("Configuration and environment", argument("name"))
def set_cluster_name(ctl: Ctl, name: str) -> None:
    """Sets the name that the broker gives itself."""
    ctl.say(f"Setting cluster name to {name} ...")
    ctl.api.put("cluster-name", said={"name": name})


@command("Feature flags", argument("name"))
def enable_feature_flag(ctl: Ctl, name: str) -> None:
    """Enables a feature flag (all are enabled)."""
    ctl.say(f"Enabling feature flag {name} ...")
    ctl.api.put("feature-flags", name, "enable", said={})


# Queues and connections


@command("Queues", argument("queue"))
def purge_queue(ctl: Ctl, queue: str) -> None:
    """Deletes the ready messages of a queue."""
    ctl.say(f"Purging queue '{queue}' in vhost '{ctl.vhost}' ...")
    try:
        ctl.api.delete("queues", ctl.vhost, queue, "contents")
    except NotThere:
        raise Failed("Queue not found") from None


@command(
    "Queues",
    argument("queue"),
    option("-e", "--if-empty", is_flag=True, help="Only if it has no messages."),
    option("-u", "--if-unused", is_flag=True, help="Only if it has no consumers."),
)
def delete_queue(ctl: Ctl, queue: str, if_empty: bool, if_unused: bool) -> None:
    """Deletes a queue with its messages."""
    ctl.say(f"Deleting queue '{queue}' on vhost '{ctl.vhost}' ...")
    try:
        ready = ctl.api.get("queues", ctl.vhost, queue)["messages_ready"]
        wanted = {"if-empty": if_empty, "if-unused": if_unused}
        ctl.api.delete("queues", ctl.vhost, queue, params={name: "true" for name, is_set in wanted.items() if is_set})
    except NotThere:
        raise Failed("Queue not found", USAGE) from None
    ctl.say(f"Queue was successfully deleted with {ready} ready messages")


@command("Queues", argument("queue"))
def pause_queue(ctl: Ctl, queue: str) -> None:
    """Delivers nothing from a queue until it is resumed (not in rabbitmqctl)."""
    ctl.say(f"Pausing queue '{queue}' in vhost '{ctl.vhost}' ...")
    ctl.api.call("POST", "leveret", "queues", ctl.vhost, queue, "pause")


@command("Queues", argument("queue"))
def resume_queue(ctl: Ctl, queue: str) -> None:
    """Delivers from a queue again (not in rabbitmqctl)."""
    ctl.say(f"Resuming queue '{queue}' in vhost '{ctl.vhost}' ...")
    ctl.api.call("POST", "leveret", "queues", ctl.vhost, queue, "resume")


@command("Operations", argument("connection"), argument("reason"))
def close_connection(ctl: Ctl, connection: str, reason: str) -> None:
    """Closes a connection, by its name (list_connections name)."""
    ctl.say(f"Closing connection {connection}, reason: {reason}...")
    try:
        ctl.api.call("DELETE", "connections", connection, headers={"x-reason": reason})
    except NotThere:
        raise Failed(f"there is no connection '{connection}'") from None


@command("Operations", argument("reason"), option("--global", "everywhere", is_flag=True, help="In all virtual hosts."))
def close_all_connections(ctl: Ctl, reason: str, everywhere: bool) -> None:
    """Closes the connections of a virtual host, or all."""
    where = "in all vhosts" if everywhere else f"in vhost {ctl.vhost}"
    ctl.say(f"Closing all connections {where}, reason: {reason}...")
    found = ctl.api.get("connections") if everywhere else ctl.api.get("vhosts", ctl.vhost, "connections")
    closed = 0
    for one in found:
        try:
            ctl.api.call("DELETE", "connections", one["name"], headers={"x-reason": reason})
        except NotThere:
            continue
        closed += 1
    ctl.say(f"Closed {closed} connections")


@command("Operations", argument("username"), argument("reason"))
def close_all_user_connections(ctl: Ctl, username: str, reason: str) -> None:
    """Closes the connections of a user."""
    ctl.say(f"Closing all connections of user {username}, reason: {reason}...")
    ctl.api.call("DELETE", "connections", "username", username, headers={"x-reason": reason})


# Definitions


@command("Definitions", argument("file"), option("--format", "kind", type=click.Choice(["json", "JSON"])))
def export_definitions(ctl: Ctl, file: str, kind: str | None) -> None:
    """Writes everything but messages to a file, or (`-`) to the standard output."""
    if file != "-":
        ctl.say(f'Exporting definitions in JSON to a file at "{file}" ...')
    text = json.dumps(ctl.api.get("definitions"), indent=2) + "\n"
    if file == "-":
        print(text, end="")
        return
    try:
        Path(file).write_text(text)
    except OSError as error:
        raise Failed(f"cannot write {file}: {error.strerror}", 74) from None


@command(
    "Definitions", argument("file", required=False), option("--format", "kind", type=click.Choice(["json", "JSON"]))
)
def import_definitions(ctl: Ctl, file: str | None, kind: str | None) -> None:
    """Imports a definition file, or the standard input: all of it or nothing."""
    shown = "standard input" if file in (None, "-") else f'a file at "{file}"'
    ctl.say(f"Importing definitions in JSON from {shown} ...")
    try:
        text = sys.stdin.read() if file is None or file == "-" else Path(file).read_text()
    except OSError as error:
        raise Failed(f"cannot read {file}: {error.strerror}", 66) from None
    ctl.api.call("POST", "definitions", said=json_of(text))
    ctl.say("Successfully started definition import.")
