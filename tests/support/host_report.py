"""What `make doctor` printed, by check."""

import subprocess

Result = subprocess.CompletedProcess[str]


def findings(result: Result) -> dict[str, tuple[str, str]]:
    """The text of each head, unwrapped: head -> (found, next)."""
    joined: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        head, words = line[:24].strip(), line[24:]
        if head:
            joined[head] = []
        joined[list(joined)[-1]].append(words)
    texts = {head: " ".join(" ".join(lines).split()) for head, lines in joined.items()}
    parts = {head: text.partition(" next: ") for head, text in texts.items()}
    return {head: (found, next_) for head, (found, _, next_) in parts.items()}


def states(result: Result) -> dict[str, str]:
    """The state of each check, in the order of the lines."""
    heads = [head.split() for head in findings(result)]
    return {id_: state.lower() for state, id_ in heads if id_ != "target"}
