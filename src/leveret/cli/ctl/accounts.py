"""Commands about users, and what they may do."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from .api import DATA, NO_USER, SOFTWARE, Failed, NotThere
from .command import Ctl, argument, command, object_of, option

_USER: Final = argument("username")
_PATTERNS: Final = (argument("configure"), argument("write"), argument("read"))


def _no_user(username: str) -> Failed:
    return Failed(f'User "{username}" does not exist', NO_USER)


def _secret(said: str | None, prompt: str) -> str:
    """Said, or read from a terminal or a pipe: what is an argument is in the list of processes."""
    if said is not None:
        return said
    if sys.stdin.isatty():
        found: str = click.prompt(prompt, hide_input=True, err=True)
        return found
    return sys.stdin.readline().rstrip("\n")


# Users


@command("Users", _USER, argument("password", required=False), option("--pre-hashed-password", "hashed"))
def add_user(ctl: Ctl, username: str, password: str | None, hashed: str | None) -> None:
    """Creates a user. Without a password it is read from the standard input."""
    ctl.say(f'Adding user "{username}" ...')
    if hashed is None:
        password = _secret(password, "Password")
    if ctl.api.is_there("users", username):
        raise Failed(f'User "{username}" already exists', SOFTWARE)
    said = {"password": password} if hashed is None else {"password_hash": hashed}
    ctl.api.put("users", username, said={**said, "tags": ""})
    ctl.say(
        "Done. Don't forget to grant the user permissions to some virtual hosts!"
        " See 'leveretctl help set_permissions' to learn more."
    )


def _change_user(ctl: Ctl, username: str, **said: Any) -> None:
    try:
        known = ctl.api.get("users", username)
    except NotThere:
        raise _no_user(username) from None
    kept = () if "password" in said else ("password_hash", "hashing_algorithm")
    ctl.api.put("users", username, said={"tags": known["tags"], **{name: known[name] for name in kept}, **said})


@command("Users", _USER)
def delete_user(ctl: Ctl, username: str) -> None:
    """Deletes a user with its permissions; its connections are closed."""
    ctl.say(f'Deleting user "{username}" ...')
    try:
        ctl.api.delete("users", username)
    except NotThere:
        raise _no_user(username) from None


@command("Users", _USER, argument("password", required=False))
def change_password(ctl: Ctl, username: str, password: str | None) -> None:
    """Changes a user's password. Without one it is read from the standard input."""
    ctl.say(f'Changing password for user "{username}" ...')
    _change_user(ctl, username, password=_secret(password, "Password"))


@command("Users", _USER)
def clear_password(ctl: Ctl, username: str) -> None:
    """Takes a user's password away: no password logs it in any more."""
    ctl.say(f'Clearing password for user "{username}" ...')
    _change_user(ctl, username, password_hash="")


@command("Users", _USER, argument("password", required=False))
def authenticate_user(ctl: Ctl, username: str, password: str | None) -> None:
    """Tries whether a user and a password can log in."""
    ctl.say(f'Authenticating user "{username}" ...')
    other = ctl.as_user(username, _secret(password, "Password"))
    try:
        other.get("whoami")
    except Failed as failed:
        if "Not management user" not in str(failed):  # then the password was right
            text = f"Error: failed to authenticate user \"{username}\"\nuser '{username}' - invalid credentials"
            raise Failed(text, DATA) from None
    finally:
        other.close()
    ctl.say("Success")


@command("Users", _USER, argument("tags", nargs=-1))
def set_user_tags(ctl: Ctl, username: str, tags: tuple[str, ...]) -> None:
    """Sets the tags of a user: administrator, monitoring, policymaker, management, ..."""
    ctl.say(f'Setting tags for user "{username}" to [{", ".join(tags)}] ...')
    _change_user(ctl, username, tags=[*tags])


@command("Users", argument("password", required=False))
def hash_password(ctl: Ctl, password: str | None) -> None:
    """Hashes a password as the broker would keep it."""
    ctl.say("Will hash password ...")
    print(ctl.api.get("auth", "hash_password", _secret(password, "Password"))["ok"])


@command("Users", _USER, argument("definition"))
def set_user_limits(ctl: Ctl, username: str, definition: str) -> None:
    """Sets limits of a user: a JSON object with max-connections, max-channels."""
    ctl.say(f'Setting user limits to "{definition}" for user "{username}" ...')
    for name, value in object_of(definition).items():
        try:
            ctl.api.put("user-limits", username, name, said={"value": value})
        except NotThere:
            raise _no_user(username) from None


@command("Users", _USER, argument("limit"))
def clear_user_limits(ctl: Ctl, username: str, limit: str) -> None:
    """Clears a limit of a user, or `all`."""
    ctl.say(f'Clearing "{limit}" limit for user "{username}" ...')
    for name in ("max-connections", "max-channels") if limit == "all" else (limit,):
        try:
            ctl.api.delete("user-limits", username, name)
        except NotThere:
            raise _no_user(username) from None


# Permissions


def _set(ctl: Ctl, kind: str, vhost: str, username: str, said: dict[str, str]) -> None:
    try:
        ctl.api.put(kind, vhost, username, said=said)
    except Failed as failed:
        if not ctl.api.is_there("vhosts", vhost):
            raise Failed(f"Virtual host {vhost} does not exist") from None
        if not ctl.api.is_there("users", username):
            raise Failed(f"User {username} does not exist", NO_USER) from None
        raise failed


@command("Access control", _USER, *_PATTERNS)
def set_permissions(ctl: Ctl, username: str, configure: str, write: str, read: str) -> None:
    """Sets what a user may configure, write to and read: regular expressions of names."""
    ctl.say(f'Setting permissions for user "{username}" in vhost "{ctl.vhost}" ...')
    said = {"configure": configure, "write": write, "read": read}
    _set(ctl, "permissions", ctl.vhost, username, said)


@command("Access control", _USER, *_PATTERNS)
def set_permissions_globally(ctl: Ctl, username: str, configure: str, write: str, read: str) -> None:
    """Sets what a user may do in every virtual host there is."""
    ctl.say(f'Setting permissions for user "{username}" in all virtual hosts ...')
    for one in ctl.api.get("vhosts"):
        _set(ctl, "permissions", one["name"], username, {"configure": configure, "write": write, "read": read})


@command("Access control", _USER)
def clear_permissions(ctl: Ctl, username: str) -> None:
    """Takes a user's permissions in a virtual host away."""
    ctl.say(f'Clearing permissions for user "{username}" in vhost "{ctl.vhost}" ...')
    if not ctl.api.is_there("users", username):
        raise Failed(f"User {username} does not exist", NO_USER)
    try:
        ctl.api.delete("permissions", ctl.vhost, username)
    except NotThere:
        return  # it had none


@command("Access control", _USER, argument("exchange"), argument("write"), argument("read"))
def set_topic_permissions(ctl: Ctl, username: str, exchange: str, write: str, read: str) -> None:
    """Sets which routing keys of a topic exchange a user may publish to and bind."""
    ctl.say(f'Setting topic permissions on "{exchange}" for user "{username}" in vhost "{ctl.vhost}" ...')
    _set(ctl, "topic-permissions", ctl.vhost, username, {"exchange": exchange, "write": write, "read": read})


@command("Access control", _USER, argument("exchange", required=False))
def clear_topic_permissions(ctl: Ctl, username: str, exchange: str | None) -> None:
    """Lifts the limits on routing keys, of one exchange or of all."""
    of = "" if exchange is None else f'on "{exchange}" '
    ctl.say(f'Clearing topic permissions {of}for user "{username}" in vhost "{ctl.vhost}" ...')
    try:
        ctl.api.delete("topic-permissions", ctl.vhost, username, *([] if exchange is None else [exchange]))
    except NotThere:
        if not ctl.api.is_there("users", username):
            raise Failed(f"User {username} does not exist", NO_USER) from None
