"""Every kind of token that nobody may get in with, as a table. Each is made from a good one by what its name says."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.interfaces.identity.openid.issuer import AUDIENCE, CLIENT, MadeUpIssuer, sign

STRANGER, STRANGER_EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
SHORT = rsa.generate_private_key(65537, 1024)
SHARED = OctKey.generate_key(256)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Bad = Callable[[MadeUpIssuer], str]


def publish(issuer: MadeUpIssuer) -> None:
    """Beside its good keys the issuer has some that must not be taken for them."""
    issuer.publish(
        {**STRANGER.as_dict(private=False), "kid": "encrypts", "use": "enc"},
        {**STRANGER.as_dict(private=False), "kid": "only-ps256", "alg": "PS256"},
        {**STRANGER.as_dict(private=False), "kid": "twice"},
        {**STRANGER.as_dict(private=False), "kid": "twice"},
        {"kty": "RSA", "n": b64(SHORT.public_key().public_numbers().n.to_bytes(128, "big")), "e": "AQAB", "kid": "short"},
        {**SHARED.as_dict(), "kid": "shared"},
        {"kty": "RSA", "kid": "broken", "n": "*", "e": "AQAB"},
    )


def b64(value: bytes | str) -> str:
    return base64.urlsafe_b64encode(value.encode() if isinstance(value, str) else value).rstrip(b"=").decode()


def with_claims(**changed: Any) -> Bad:
    return lambda issuer: issuer.token(**changed)


def with_header(**changed: Any) -> Bad:
    """A header that is signed like all of it; ``None`` leaves a part out."""

    def make(issuer: MadeUpIssuer) -> str:
        header = {"alg": "RS256", "kid": "rsa", "typ": "at+jwt", **changed}
        return sign({k: v for k, v in header.items() if v is not None}, json.dumps(issuer.claims()), issuer.keys["rsa"])

    return make


def forged(**header: Any) -> Bad:
    """Signed by a stranger, who brings the key along or says where it is."""
    return lambda issuer: sign({"alg": "RS256", "kid": "rsa", "typ": "at+jwt", **header}, json.dumps(issuer.claims()), STRANGER)


def spelt(text: Callable[[str], str]) -> Bad:
    """Claims as they are written, signed by the right key."""

    def make(issuer: MadeUpIssuer) -> str:
        written = text(json.dumps(issuer.claims()))
        return sign({"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, written.encode("utf-8", "surrogatepass"), issuer.keys["rsa"])

    return make


def by_hand(header: str, issuer: MadeUpIssuer, key: Any = None) -> str:
    """A header as it is written, signed by the right key or another one."""
    message = f"{b64(header)}.{b64(json.dumps(issuer.claims()))}"
    return f"{message}.{b64((key or issuer.keys['rsa'].private_key).sign(message.encode(), PKCS1v15(), SHA256()))}"


def unsigned(algorithm: str) -> Bad:
    return lambda issuer: (
        f"{b64(json.dumps({'alg': algorithm, 'kid': 'rsa', 'typ': 'at+jwt'}))}.{b64(json.dumps(issuer.claims()))}."
    )


def shared_secret(secret: Callable[[MadeUpIssuer], bytes]) -> Bad:
    """Signed with what everybody can read; the library would refuse to."""

    def make(issuer: MadeUpIssuer) -> str:
        message = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'rsa', 'typ': 'at+jwt'}))}.{b64(json.dumps(issuer.claims()))}"
        return f"{message}.{b64(hmac.digest(secret(issuer), message.encode(), 'sha256'))}"

    return make


def altered(change: Callable[[str, str, str], str]) -> Bad:
    """A good token of which parts are changed after it was signed."""
    return lambda issuer: change(*issuer.token().split("."))


def es256(signature: Callable[[bytes], bytes]) -> Bad:
    def make(issuer: MadeUpIssuer) -> str:
        header, claims, signed = issuer.token("ec").split(".")
        return f"{header}.{claims}.{b64(signature(base64.urlsafe_b64decode(signed + '==')))}"

    return make


def der(signature: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def promoted(claims: str) -> str:
    stated = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return b64(json.dumps({**stated, "roles": ["admin"]}))


def other_last_bits(part: str) -> str:
    """Another spelling of the same bytes: the last character has bits that say nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 != 0
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def encrypted(issuer: MadeUpIssuer) -> str:
    return jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A128GCM", "kid": "rsa"}, json.dumps(issuer.claims()), issuer.keys["rsa"])


def nested(issuer: MadeUpIssuer) -> str:
    return sign({"alg": "RS256", "kid": "rsa", "typ": "at+jwt", "cty": "JWT"}, issuer.token(), issuer.keys["rsa"])


def as_json(issuer: MadeUpIssuer) -> str:
    member = {"protected": {"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}}
    return json.dumps(jws.serialize_json(member, json.dumps(issuer.claims()), issuer.keys["rsa"]), separators=(",", ":"))


def id_token(**changed: Any) -> Bad:
    return lambda issuer: issuer.token(typ="JWT", **{"aud": CLIENT, "nonce": "n", "at_hash": "h", **changed})


def _now() -> int:
    return int(time.time())


KINDS: Mapping[str, Bad] = {
    # the algorithm
    "alg none": unsigned("none"),
    "alg nOnE": unsigned("nOnE"),
    "HS256 with the public key in PEM as secret": shared_secret(lambda issuer: issuer.keys["rsa"].as_pem(private=False)),
    "HS256 with the published key as secret": shared_secret(
        lambda issuer: json.dumps(issuer.keys["rsa"].as_dict(private=False)).encode()
    ),
    "HS256 with a shared key that the issuer publishes": lambda issuer: issuer.token("shared", "HS256", key=SHARED),
    "alg of another key": lambda issuer: sign(
        {"alg": "RS256", "kid": "ec", "typ": "at+jwt"}, json.dumps(issuer.claims()), issuer.keys["rsa"]
    ),
    "alg is a number": altered(
        lambda _, claims, mark: f"{b64(json.dumps({'alg': 1, 'kid': 'rsa', 'typ': 'at+jwt'}))}.{claims}.{mark}"
    ),
    "no alg": altered(lambda _, claims, mark: f"{b64(json.dumps({'kid': 'rsa', 'typ': 'at+jwt'}))}.{claims}.{mark}"),
    # the key
    "a stranger's key under a known name": lambda issuer: issuer.token(key=STRANGER),
    "a stranger's EC key under a known name": lambda issuer: issuer.token("ec", key=STRANGER_EC),
    "unknown key": lambda issuer: issuer.token("unknown", key=STRANGER),
    "no kid": with_header(kid=None),
    "kid leads out of a folder": lambda issuer: issuer.token("../../../../dev/null", key=STRANGER),
    "kid is SQL": lambda issuer: issuer.token("x' UNION SELECT 'rsa", key=STRANGER),
    "key for encryption": lambda issuer: issuer.token("encrypts", key=STRANGER),
    "key for another algorithm": lambda issuer: issuer.token("only-ps256", "RS256", key=STRANGER),
    "key whose name is there twice": lambda issuer: issuer.token("twice", key=STRANGER),
    "key that is too short": lambda issuer: by_hand('{"alg": "RS256", "kid": "short", "typ": "at+jwt"}', issuer, SHORT),
    "key that cannot be read": lambda issuer: issuer.token("broken", key=STRANGER),
    "embedded jwk": forged(jwk=STRANGER.as_dict(private=False)),
    "jku": lambda issuer: forged(jku=f"{issuer.url}/strange-keys")(issuer),
    "x5u": lambda issuer: forged(x5u=f"{issuer.url}/strange-certificate")(issuer),
    "x5c": forged(x5c=["MIIB"]),
    # the header
    "jwk of the right key": lambda issuer: with_header(jwk=issuer.keys["rsa"].as_dict(private=False))(issuer),
    "crit": lambda issuer: by_hand('{"alg": "RS256", "kid": "rsa", "typ": "at+jwt", "crit": ["exp"], "exp": 1}', issuer),
    "b64 is false": lambda issuer: with_header(b64=True, crit=["b64"])(issuer),
    "a header of our own": with_header(admin=True),
    "no typ": with_header(typ=None),
    "typ JWT": with_header(typ="JWT"),
    "typ logout+jwt": with_header(typ="logout+jwt"),
    "typ is at": with_header(typ="at"),
    "duplicate alg": lambda issuer: by_hand('{"alg": "none", "kid": "rsa", "typ": "at+jwt", "alg": "RS256"}', issuer),
    "duplicate typ": lambda issuer: by_hand('{"alg": "RS256", "kid": "rsa", "typ": "at+jwt", "typ": "at+jwt"}', issuer),
    # who it is from, and for whom
    "wrong issuer": with_claims(iss="https://other.example"),
    "another provider's, which it says": lambda issuer: issuer.token(key=STRANGER, iss="https://other.example"),
    "issuer with a slash": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "issuer in capitals": lambda issuer: issuer.token(iss=issuer.url.upper()),
    "issuer in a list": lambda issuer: issuer.token(iss=[issuer.url]),
    "no issuer": with_claims(iss=None),
    "wrong audience": with_claims(aud="other"),
    "audience within a longer one": with_claims(aud=f"{AUDIENCE}-2"),
    "audience as a part of ours": with_claims(aud=AUDIENCE[:5]),
    "audience is a number": with_claims(aud=[1]),
    "audience is an object": with_claims(aud={AUDIENCE: True}),
    "no audience": with_claims(aud=None),
    "ID token": id_token(),
    "ID token for our audience": id_token(aud=[CLIENT, AUDIENCE]),
    "bound to a key": with_claims(cnf={"jkt": "x"}),
    "logout token": lambda issuer: issuer.logout_token(),
    # what it is limited to
    "details of what it is for": with_claims(authorization_details=[{"type": "payment"}]),
    "scope in a list": with_claims(scope=["stundenpool"]),
    "scope is nothing": spelt(lambda claims: claims.replace('"scope": "stundenpool"', '"scope": null')),
    # when
    "expired": lambda issuer: issuer.token(iat=_now() - 900, exp=_now() - 600),
    "just expired": lambda issuer: issuer.token(iat=_now() - 900, exp=_now() - 31),
    "not yet valid": lambda issuer: issuer.token(nbf=_now() + 3600),
    "issued in the future": lambda issuer: issuer.token(iat=_now() + 3600, exp=_now() + 3900),
    "lives for weeks": lambda issuer: issuer.token(exp=_now() + 30 * 86400),
    "no exp": with_claims(exp=None),
    "no iat": with_claims(iat=None),
    "exp is a text": with_claims(exp="9999999999"),
    "exp is true": with_claims(exp=True),
    "exp is no number": with_claims(exp=float("nan")),
    "exp is without end": with_claims(exp=float("inf")),
    "exp in a list": with_claims(exp=[9999999999]),
    # how it is written
    "claims changed": altered(lambda header, claims, mark: f"{header}.{promoted(claims)}.{mark}"),
    "signature of another token": lambda issuer: (
        f"{issuer.token(roles=['admin']).rpartition('.')[0]}.{issuer.token().rpartition('.')[2]}"
    ),
    "no signature": altered(lambda header, claims, _: f"{header}.{claims}."),
    "no signature and no dot": altered(lambda header, claims, _: f"{header}.{claims}"),
    "truncated": altered(lambda header, claims, mark: f"{header}.{claims}.{mark[:-6]}"),
    "two dots only": lambda _: "..",
    "more parts": altered(lambda header, claims, mark: f"{header}.{claims}.{mark}.{mark}"),
    "padded": altered(lambda header, claims, mark: f"{header}.{claims}.{mark}=="),
    "other alphabet": altered(lambda header, claims, mark: f"{header}.{claims}.{mark.replace('-', '+').replace('_', '/')}+"),
    "other last bits": altered(lambda header, claims, mark: f"{header}.{claims}.{other_last_bits(mark)}"),
    "white space within": altered(lambda header, claims, mark: f"{header}.{claims[:9]} {claims[9:]}.{mark}"),
    "non-ASCII": altered(lambda header, claims, mark: f"{header}.{claims}ä.{mark}"),
    "huge": with_claims(filler="x" * 9000),
    "deeply nested": altered(lambda header, _, mark: f"{header}.{b64('[' * 5000)}.{mark}"),
    "duplicate claims": spelt(lambda claims: claims[:-1] + ', "sub": "fach-2"}'),
    "duplicate claims within a claim": spelt(lambda claims: claims[:-1] + ', "x": {"a": 1, "a": 2}}'),
    "claims are a list": spelt(lambda claims: f"[{claims}]"),
    "claims are no JSON": spelt(lambda claims: claims[:-1]),
    "claims are no UTF-8": spelt(lambda claims: claims.replace("fach-1", "\ud800")),
    "nested JWT": nested,
    "JWE": encrypted,
    "JWS in JSON": as_json,
    # signatures of EC keys
    "ES256 signature of zeros": es256(lambda _: bytes(64)),
    "ES256 signature of nothing": es256(lambda _: b"\0"),
    "ES256 signature of the order": es256(lambda _: P256_ORDER.to_bytes(32, "big") * 2),
    "ES256 signature in DER": es256(der),
    "ES256 signature with zeros before": es256(lambda mark: bytes(1) + mark[:32] + bytes(1) + mark[32:]),
    "ES256 signature beyond the order": es256(
        lambda mark: mark[:32] + ((int.from_bytes(mark[32:], "big") + P256_ORDER) % 2**256).to_bytes(32, "big")
    ),
    # who it is
    "roles are a number": with_claims(roles=1),
    "roles are an object": with_claims(roles={"officer": True}),
    "a role is no text": with_claims(roles=["officer", 1]),
    "role not in the mapping": with_claims(roles=["superuser"]),
    "role in other letters": with_claims(roles=["Officer"]),
    "two roles": with_claims(roles=["officer", "auditor"]),
    "no role": with_claims(roles=[]),
    "no roles": with_claims(roles=None),
    "provider missing for a worker": with_claims(roles=["worker"]),
    "provider present for an officer": with_claims(provider="traeger-a"),
    "provider in a list": with_claims(roles=["lead"], provider=["traeger-a"]),
    "provider with white space": with_claims(roles=["lead"], provider=" traeger-a"),
    "no subject": with_claims(sub=None),
    "subject is a number": with_claims(sub=1),
    "subject is empty": with_claims(sub=""),
    "subject with a line break": with_claims(sub="fach-1\nfach-2"),
    # no token of the issuer at all
    "unknown token of ours": lambda _: b64(bytes(32)),
    "empty": lambda _: "",
    "a word": lambda _: "officer",
}
