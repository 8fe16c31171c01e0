"""Secrets and names are hidden, and words of a record are not."""

import pytest

from workload.doctor.redaction import SECRET, Redaction, redaction


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("ssh://u:p@h/x", f"ssh://{SECRET}@h/x"),
        ("https://token@h", f"https://{SECRET}@h"),
        ("https://u:p@ss@h", f"https://{SECRET}@h"),
        ("https://h/x", "https://h/x"),
        ("password=abc", f"password={SECRET}"),
        ('{"api_key": "abc"}', f'{{"api_key": {SECRET}"}}'),
        ("/Users/eve/x", "/Users/USER/x"),
        ("carl's cargo", "USER's cargo"),
        ("carl_2 is carl", "USER_2 is USER"),
        ("torch==2.13.0", "torch==2.13.0"),
        ("/CARL/x", "/USER/x"),
        ("glpat-" + "a1" * 10, SECRET),
        ("Authorization: Basic YWxhZGRpbjpv", f"Authorization: Basic {SECRET}"),
    ],
)
def test_a_redaction(text: str, hidden: str) -> None:
    assert Redaction((), {"carl": "USER"}).text(text) == hidden


@pytest.mark.parametrize("name", ["root", "workload", "ab", ""])
def test_common_names_are_kept(name: str) -> None:
    assert name not in redaction({"USER": name, "HOME": f"/{name}"}).names


def test_a_flag_is_no_secret() -> None:
    assert redaction({"TOKENIZERS_PARALLELISM": "false"}).secrets == ()


@pytest.mark.parametrize("name", ["DB_PASS", "MYSQL_PWD", "MY_PW", "SSH_PRIVATE", "A_KEY"])
def test_a_variable_with_a_secret_name_is_hidden(name: str) -> None:
    assert redaction({name: "hunter2hunter2"}).text("/x/hunter2hunter2") == f"/x/{SECRET}"


def test_the_current_folder_is_no_password() -> None:
    assert redaction({"PWD": "/workspace", "OLDPWD": "/workspace"}).secrets == ()


@pytest.mark.parametrize("told", ["first00 second00", "first00\nsecond00", "second00", "/first00/"])
def test_a_secret_of_two_lines_is_hidden_in_every_form(told: str) -> None:
    text = redaction({"A_TOKEN": " first00\nsecond00 "}).text(told)
    assert "first00" not in text
    assert "second00" not in text


def test_the_longest_secret_is_replaced_first() -> None:
    hide = redaction({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghij"})
    assert hide.text("abcdefghij") == SECRET
