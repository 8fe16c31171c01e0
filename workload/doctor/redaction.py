"""Remove secrets and the names of users and machines from texts.

Removes the values of environment variables whose names suggest a secret, credentials in URLs, keys
in well-known formats, the names of the user and the machine, and the names of home folders. Does
not recognize other secrets.
"""

import os
import platform
import pwd
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workload.core.models.finding import State
from workload.doctor.probes.machine import USER_NAME_VARIABLES

SECRET = "[secret]"  # noqa: S105  the replacement
SECRET_NAMES = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|(^|_)(KEYS?|PASS|PW)(_|$)|PWD|PRIVATE|APIKEY|CREDENTIAL"
    r"|PROXY|AUTH|COOKIE|DSN",
    re.IGNORECASE,
)
FOLDERS = frozenset({"PWD", "OLDPWD"})  # set by the shell; not passwords
# Words of a record are not secrets, even if a variable has the same value.
RECORD_WORDS = frozenset(state.value for state in State)
SHORTEST_SECRET = 6  # shorter values, such as `false`, are too common
SHORTEST_NAME = 3
# Default names, and names that container images use.
COMMON_NAMES = frozenset({"root", "workload", "nobody", "user", "localhost", "none", "tmp"})
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host, up to the last @ of the word
    (re.compile(r"""(://)[^\s"'<>]*@"""), rf"\1{SECRET}@"),
    # AWS; Hugging Face; GitHub; OpenAI and others; Slack; Google; JSON web tokens; GitLab; npm;
    # PyPI; Docker; Google OAuth; Stripe
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|hf_\w{16,}|gh[a-z]_\w{16,}|github_pat_\w{16,}"
            r"|sk-[\w-]{16,}|xox[a-z]-[\w-]{8,}|AIza[\w-]{30,}|eyJ[\w-]+\.[\w-]+\.[\w-]*"
            r"|glpat-[\w-]{16,}|npm_\w{16,}|pypi-[\w-]{16,}|dckr_pat_[\w-]{16,}|ya29\.[\w-]{16,}"
            r"|[sr]k_(?:live|test)_\w{16,})"
        ),
        SECRET,
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {SECRET}"),
    # password=…, token: …
    (
        re.compile(
            r"""(?i)((?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key)\w*["']?\s*[=:]\s*)"""
            r"""["']?[^\s"',;&]+"""
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"((?:/home|/Users|/mnt/home)/)[^/\s:;,\"']+"), r"\1USER"),
)


@dataclass(frozen=True)
class Redaction:
    """Secrets, which are replaced everywhere, and names, which are replaced as whole words."""

    secrets: tuple[str, ...]
    names: Mapping[str, str]  # name -> replacement

    def text(self, text: str) -> str:
        """Return `text` with secrets and names replaced."""
        for secret in self.secrets:
            text = text.replace(secret, SECRET)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        for name, instead in self.names.items():
            word = rf"(?<![^\W_]){re.escape(name)}(?![^\W_])"
            text = re.sub(word, instead, text, flags=re.IGNORECASE)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with its strings redacted. Keys are constants and stay unchanged."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def redaction(environment: Mapping[str, str]) -> Redaction:
    """Collect the secrets in `environment` and the names of the user and the machine."""
    secrets = {
        form
        for name, value in environment.items()
        if SECRET_NAMES.search(name) and name not in FOLDERS
        for form in _forms(value)
        if len(form) >= SHORTEST_SECRET and form not in RECORD_WORDS
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
    # Longest first, because one may be part of another.
    return Redaction(
        tuple(sorted(secrets, key=len, reverse=True)),
        {name: names[name] for name in sorted(names, key=len, reverse=True)},
    )


def _forms(value: str) -> set[str]:
    """Return how a text may contain a value: unchanged, stripped, as one line, or line by line."""
    return {value, value.strip(), " ".join(value.split()), *map(str.strip, value.splitlines())}


def _words(names: Iterable[str]) -> list[str]:
    """Return the names that identify a user or machine, with and without their domains."""
    every = [part for name in names for part in (name, name.partition(".")[0])]
    return [
        name
        for name in every
        if len(name) >= SHORTEST_NAME and name.lower() not in COMMON_NAMES | RECORD_WORDS
    ]


def _asked(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (KeyError, OSError):  # the user has no passwd entry
        return ""
