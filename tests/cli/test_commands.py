"""Commands other than `serve`, and its help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leveret import __version__, config
from leveret.cli.help import SECTIONS


def leveret(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"} | env
    return subprocess.run(
        [sys.executable, "-m", "leveret", *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(arguments: list[str]) -> None:
    done = leveret(*arguments)
    assert done.returncode == 0
    assert "serve" in done.stdout
    assert "version" in done.stdout
    assert "leveretctl" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_offers_one_way_to_completion(arguments: list[str]) -> None:
    done = leveret(*arguments)
    assert "completion " in done.stdout
    assert "--install-completion" not in done.stdout
    assert leveret("--show-completion").returncode == 2


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_of_serve_has_every_option_uncut(flag: str, columns: str) -> None:
    done = leveret("serve", flag, COLUMNS=columns)
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for option in config.TABLE:
        assert (f"--{option.name} " in text or f"--{option.name}," in text) is not option.secret
        assert (option.variable if option.secret else option.help) in text
    assert "[5672]" in text
    assert max(map(len, done.stdout.splitlines())) < 80


def test_sections_of_the_help_begin_at_options_that_are_there() -> None:
    names = [option.name for option in config.TABLE]
    assert [name for name in names if name in SECTIONS] == [*SECTIONS]
    assert names[0] in SECTIONS


def test_version() -> None:
    assert leveret("--version").stdout == f"{__version__}\n"
    assert leveret("version").stdout.startswith(f"leveret {__version__} (")


def test_an_unknown_command_is_exit_code_2() -> None:
    done = leveret("hop")
    assert done.returncode == 2
    assert "No such command 'hop'" in done.stderr


def test_completion_knows_the_options_of_serve() -> None:
    done = leveret(_LEVERET_COMPLETE="complete_bash", COMP_WORDS="leveret serve --po", COMP_CWORD="2")
    assert done.stdout.split() == ["--port"]


def test_completion_knows_columns_of_a_view() -> None:
    words = "leveret top --view channels --sort un"
    done = leveret(_LEVERET_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="5")
    assert done.stdout.split() == ["unacked", "unconfirmed"]


def test_bash_completes_both_programs_with_what_is_printed(tmp_path: Path) -> None:
    for name, module in (("leveret", "leveret"), ("leveretctl", "leveret.cli.ctl")):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(leveret("completion", "bash").stdout)
    ask = (
        f'source "{script}"; COMP_WORDS=(leveret be); COMP_CWORD=1\n'
        '_leveret_completion leveret; echo "${COMPREPLY[@]}"\n'
        "COMPREPLY=(); COMP_WORDS=(leveretctl list_q)\n"
        '_leveretctl_completion leveretctl; echo "${COMPREPLY[@]}"\n'
    )
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.splitlines() == ["bench", "list_queues"]


@pytest.mark.parametrize(("shell", "said"), [("zsh", "compdef"), ("fish", "complete ")])
def test_scripts_for_other_shells(shell: str, said: str) -> None:
    printed = leveret("completion", shell).stdout
    assert said in printed
    assert "_LEVERET_COMPLETE" in printed
    assert "_LEVERETCTL_COMPLETE" in printed


def test_completion_for_an_unknown_shell_is_exit_code_2() -> None:
    done = leveret("completion", "tcsh")
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
