"""Secrets are looked up by their hash or compared in constant time, so that nobody finds one by measuring how long "no" takes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"(^|_)(tokens?|secrets?|passwords?|codes?_sent|mac|hmac|fingerprint|cookie|otp|totp|nonce|seed|skey)($|_)")

# What is called so and is none: where, and why.
PUBLIC = {
    "interfaces/web/account.py:token_id": "names a token, opens nothing",
    "interfaces/identity/signing_in.py:password": "the same person's two entries, and the same account's hash read twice",
}


def comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every ``==``, ``!=``, ``in`` or ``match`` of something that is called a secret with something that is no constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            for side in sides:
                name = name_of(side)
                if SECRET.search(name):
                    yield node.lineno, name


def name_of(side: ast.expr) -> str:
    """The last name of an expression: of ``self.key.fingerprint[:8]`` that is ``fingerprint``."""
    match side:
        case ast.Name():
            return side.id
        case ast.Attribute():
            return side.attr
        case ast.Subscript():
            return name_of(side.value)
        case ast.Call():
            return name_of(side.func)
    return ""


def test_no_secret_is_compared_by_a_sign_that_stops_early() -> None:
    """In everything that meets what somebody sent."""
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for folder in ("interfaces", "application")
        for path in (ROOT / folder).rglob("*.py")
        for _, name in comparisons(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(PUBLIC)


def test_such_a_comparison_would_be_found() -> None:
    """Also behind an attribute, a call or a slice; a length or a constant is none."""
    bad = ["token == sent", "a.session_token != b", "mac(x)[:4] == y", "stored == self.fingerprint", "x == row['a'].secret"]
    good = ["token == ''", "len(token) == 3", "compare_digest(token, sent)", "tokenised == sent", "token is None"]
    assert [[name for _, name in comparisons(ast.parse(line))] != [] for line in (*bad, *good)] == [True] * 5 + [False] * 5
