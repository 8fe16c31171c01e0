"""Takes names of people and machines, and secrets, out of what leaves this machine.

What is taken out, wherever it occurs: the values of this process's variables whose names speak
of secrets, what stands before the @ of an address, well-known shapes of keys, the user's and the
machine's name, and every name of a home. What is not: a secret that is none of these.
"""

import os
import platform
import pwd
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workload.doctor.machine import USER_NAME_VARIABLES

SECRET = "[secret]"  # noqa: S105  what stands in its place
SECRET_NAMES = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|(^|_)KEYS?(_|$)|APIKEY|CREDENTIAL|PROXY|AUTH|COOKIE|DSN",
    re.IGNORECASE,
)
SHORTEST_SECRET = 6  # a shorter value, such as `false`, is part of any text
SHORTEST_NAME = 3
# Names that tell nothing of anybody: those of images and of machines that have none.
NAMELESS = frozenset({"root", "workload", "nobody", "user", "localhost", "none", "tmp"})
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host, up to the last @ of the word
    (re.compile(r"""(://)[^\s"'<>]*@"""), rf"\1{SECRET}@"),
    # AWS; Hugging Face; GitHub; OpenAI and others; Slack; Google; JSON web tokens
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|hf_\w{16,}|gh[a-z]_\w{16,}|github_pat_\w{16,}"
            r"|sk-[\w-]{16,}|xox[a-z]-[\w-]{8,}|AIza[\w-]{30,}|eyJ[\w-]+\.[\w-]+\.[\w-]*)"
        ),
        SECRET,
    ),
    # password=…, token: …
    (
        re.compile(
            r"""(?i)((?:password|passwd|passphrase|secret|token|api_?key|access_?key)\w*["']?\s*[=:]\s*)"""
            r"""["']?[^\s"',;&]+"""
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"((?:/home|/Users|/mnt/home)/)[^/\s:;,\"']+"), r"\1USER"),
)


@dataclass(frozen=True)
class Redaction:
    """What must not leave: literal secrets, and names that stand for themselves as words."""

    secrets: tuple[str, ...]
    names: Mapping[str, str]  # name -> what stands in its place

    def text(self, text: str) -> str:
        """`text` without them."""
        for secret in self.secrets:
            text = text.replace(secret, SECRET)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        for name, instead in self.names.items():
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", instead, text)
        return text

    def value(self, value: Any) -> Any:
        """A plain JSON value without them. Its keys stay: they are ours."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def redaction(environment: Mapping[str, str]) -> Redaction:
    """What this process's environment, user and machine must not tell."""
    secrets = {
        value
        for name, value in environment.items()
        if SECRET_NAMES.search(name) and len(value) >= SHORTEST_SECRET
    }
    users = _words(
        [
            *(environment.get(name, "") for name in USER_NAME_VARIABLES),
            _asked(lambda: pwd.getpwuid(os.getuid()).pw_name),
            environment.get("HOME", "").rstrip("/").rpartition("/")[2],
        ]
    )
    machines = _words([_asked(platform.node), environment.get("HOSTNAME", "")])
    names = {**dict.fromkeys(machines, "HOST"), **dict.fromkeys(users, "USER")}
    # Longest first: one may be part of another.
    return Redaction(
        tuple(sorted(secrets, key=len, reverse=True)),
        {name: names[name] for name in sorted(names, key=len, reverse=True)},
    )


def _words(names: Iterable[str]) -> list[str]:
    """The names that tell something; a machine's with its domain, and without."""
    every = [part for name in names for part in (name, name.partition(".")[0])]
    return [name for name in every if len(name) >= SHORTEST_NAME and name.lower() not in NAMELESS]


def _asked(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (KeyError, OSError):  # a user without a name
        return ""
