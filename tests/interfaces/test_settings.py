"""Settings: where they come from, what is wrong with them, and that nothing of a password is ever shown."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from interfaces.settings import PREFIX, Settings, SettingsError, examine_settings, read_settings
from interfaces.storage import libpq, open_store
from interfaces.storage.keystore import open_keystore
from interfaces.storage.keystore.masters import open_masters

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _nothing_stated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting in fields(Settings):
        monkeypatch.delenv(PREFIX + setting.name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_anything_stated_a_store_in_var_is_served_on_this_machine_only() -> None:
    """The defaults are an SQLite file and keys under var, and the loopback address."""
    assert read_settings() == Settings(
        database_url="sqlite:///var/stundenpool.db", migration_database_url="", keystore="var/keys", host="127.0.0.1", port=8000
    )


def test_the_environment_comes_before_dotenv_and_dotenv_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value is taken from the first place that states it, and its source is known."""
    Path(".env").write_text("STUNDENPOOL_HOST=192.0.2.1\nSTUNDENPOOL_PORT=9000\n")
    monkeypatch.setenv("STUNDENPOOL_PORT", "9001")
    settings = read_settings()
    assert (settings.host, settings.port, settings.keystore) == ("192.0.2.1", 9001, "var/keys")
    sources = {stated.variable: stated.source for stated in examine_settings()[0]}
    assert sources["STUNDENPOOL_PORT"] == "Umgebung"
    assert sources["STUNDENPOOL_HOST"] == ".env"
    assert sources["STUNDENPOOL_KEYSTORE"] == "Voreinstellung"


def test_an_empty_value_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in shells and unit files, an empty variable states nothing."""
    monkeypatch.setenv("STUNDENPOOL_PORT", "")
    assert read_settings().port == 8000


def test_values_of_dotenv_are_taken_as_they_are_written() -> None:
    """A dollar sign in a password is no reference to another variable."""
    Path(".env").write_text("STUNDENPOOL_DATABASE_URL='postgresql://u:a${HOME}b@db/pool'\n")
    assert read_settings().database_url == "postgresql://u:a${HOME}b@db/pool"


def test_every_mistake_is_named_at_once_and_no_value_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each wrong setting, with its variable."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "postgres://u:geheim@db/pool")
    monkeypatch.setenv("STUNDENPOOL_PORT", "70000")
    with pytest.raises(SettingsError) as raised:
        read_settings()
    lines = str(raised.value).splitlines()
    assert [line.split()[0] for line in lines] == ["STUNDENPOOL_DATABASE_URL", "STUNDENPOOL_PORT"]
    assert "geheim" not in str(raised.value)


def test_settings_never_change() -> None:
    """They are read once; a frozen class keeps anybody from turning them later."""
    with pytest.raises(AttributeError):
        read_settings().port = 1  # type: ignore[misc]


def test_a_dotenv_that_cannot_be_read_is_an_error() -> None:
    """Settings that are there and yet ignored would be worse."""
    Path(".env").write_bytes(b"STUNDENPOOL_HOST=\xff")
    with pytest.raises(SettingsError, match=r"\.env .*UTF-8"):
        read_settings()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/pool.db",
        "sqlite:////var/lib/pool.db",
        "sqlite:///mit%20leerzeichen.db",
        "postgresql://u@db/pool",
        "postgresql://u:p%40ss@db:5433/pool?schema=log",
        "postgresql://u@/pool?host=/run/postgresql",
    ],
)
def test_a_database_url_that_settings_take_is_one_that_stores_take(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both judge alike, so that no URL fails later with an English sentence."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", url)
    assert read_settings().database_url == url
    if url.startswith("sqlite:"):
        open_store(url, create=False).close()
    else:
        libpq.address(url)  # reads it as a store would, but connects to nothing


@pytest.mark.parametrize(
    "url",
    [
        "var/pool.db",
        "mysql://u@db/pool",
        "sqlite://var/pool.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///ordner/",
        "sqlite:///pool.db?mode=rw",
        "postgresql://db/pool",
        "postgresql://u@db",
        "postgresql://u@db:port/pool",
        "postgresql://u@db/pool?sslmode=require",
        "postgresql://u@db/pool#x",
        "postgresql://u@db/pool?schema=",
        "postgresql://u@127.0.0.1:1/pool?schema=Amt-1",
    ],
)
def test_a_database_url_that_stores_refuse_is_refused_by_settings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with a German sentence."""
    with pytest.raises(ValueError, match=r"."):
        open_store(url, create=False)
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", url)
    with pytest.raises(SettingsError, match=r"muss|kennt|enthält|lesbar|nennt"):
        read_settings()


@pytest.mark.parametrize(
    ("variable", "written"),
    [("WORKERS", "0"), ("WORKERS", "65"), ("WORKERS", "zwei"), ("WORKERS", "-1"), ("LOG_FORMAT", "JSON"), ("LOG_FORMAT", "xml")]
    + [("TRACES", written) for written in ("127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "http://a b/")],
)
def test_what_cannot_be_is_refused(variable: str, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the variable, and what it takes."""
    monkeypatch.setenv(PREFIX + variable, written)
    with pytest.raises(SettingsError, match=rf"{PREFIX}{variable} muss"):
        read_settings()


ISSUER = {"ISSUER": "https://anmeldung.example/realms/amt"}
PEOPLE = ISSUER | {"CLIENT_ID": "stundenpool", "REDIRECT_URL": "https://stundenpool.example/"}
SYSTEMS = ISSUER | {"AUDIENCE": "stundenpool-api"}


def state_oidc(monkeypatch: pytest.MonkeyPatch, **stated: str) -> None:
    for name, value in stated.items():
        monkeypatch.setenv(f"{PREFIX}OIDC_{name}", value)


@pytest.mark.parametrize(
    "stated", [PEOPLE, SYSTEMS, PEOPLE | SYSTEMS, PEOPLE | {"CLIENT_SECRET": "g"}, {"ROLES": "a=lead"}], ids=str
)
def test_an_issuer_is_for_people_for_systems_or_for_both(stated: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs for either is stated together."""
    state_oidc(monkeypatch, **stated)
    settings = read_settings()
    assert settings.oidc_issuer == stated.get("ISSUER", "")
    assert settings.oidc_redirect_url == stated.get("REDIRECT_URL", "").removesuffix("/")


@pytest.mark.parametrize(
    ("stated", "wrong"),
    [
        ({"CLIENT_ID": "a"}, "OIDC_ISSUER fehlt"),
        ({"AUDIENCE": "a"}, "OIDC_ISSUER fehlt"),
        (ISSUER, "OIDC_CLIENT_ID für Personen oder STUNDENPOOL_OIDC_AUDIENCE für Systeme"),
        (ISSUER | {"CLIENT_ID": "a"}, "gehören zusammen"),
        (SYSTEMS | {"REDIRECT_URL": "https://a.example"}, "gehören zusammen"),
        (SYSTEMS | {"CLIENT_SECRET": "geheim"}, "CLIENT_SECRET braucht"),
        (PEOPLE | {"AUDIENCE": "stundenpool"}, "muss anders lauten"),
        (SYSTEMS | {"ISSUER": "http://anmeldung.example"}, "OIDC_ISSUER muss eine URL"),
        (SYSTEMS | {"ISSUER": "https://a.example/?x=1"}, "OIDC_ISSUER muss eine URL"),
        (SYSTEMS | {"ISSUER": "https://geheim@a.example"}, "OIDC_ISSUER muss eine URL"),
        (SYSTEMS | {"ISSUER": "https://[a"}, "OIDC_ISSUER muss eine URL"),
        (PEOPLE | {"REDIRECT_URL": "stundenpool.example"}, "OIDC_REDIRECT_URL muss eine URL"),
        (PEOPLE | {"REDIRECT_URL": "https://a.example/pool"}, "OIDC_REDIRECT_URL muss ohne Pfad"),
        (PEOPLE | {"CLIENT_ID": "ä"}, "OIDC_CLIENT_ID muss aus"),
        (SYSTEMS | {"ROLES": "lead"}, "OIDC_ROLES muss Paare"),
        (SYSTEMS | {"ROLES": "a=chef"}, "OIDC_ROLES muss Paare"),
        (SYSTEMS | {"ROLES": "a=lead, a=worker"}, "OIDC_ROLES nennt „a“ zweimal"),
    ],
    ids=str,
)
def test_what_an_issuer_lacks_is_said(stated: dict[str, str], wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the variable, and no secret."""
    state_oidc(monkeypatch, **stated)
    with pytest.raises(SettingsError, match=wrong) as refused:
        read_settings()
    assert "geheim" not in str(refused.value)


def test_on_this_machine_an_issuer_needs_no_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name and by address, of both kinds."""
    for host in ("localhost", "127.0.0.1", "[::1]"):
        state_oidc(monkeypatch, **SYSTEMS | {"ISSUER": f"http://{host}:8080/realms/amt"})
        assert read_settings().oidc_issuer


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by ``config check``, whether it is right or wrong, nor where settings are written out."""
    for secret in ("geheim", "geheim mit leerzeichen"):
        state_oidc(monkeypatch, **PEOPLE | {"CLIENT_SECRET": secret})
        assert "geheim" not in str(examine_settings())
    state_oidc(monkeypatch, CLIENT_SECRET="geheim")
    assert "geheim" not in repr(read_settings())


@pytest.mark.parametrize("setting", ["schlüssel", "/srv/keys", "file:///srv/keys", "file://localhost/srv/my%20keys"])
def test_a_keystore_that_settings_take_is_one_that_can_be_opened(
    setting: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder that settings name is where the keys come to lie."""
    here = setting.replace("/srv", str(tmp_path))
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", here)
    settings = read_settings()
    open_keystore(settings.keystore).close()
    assert (settings.signing_folder / "master.key").exists()


KEYS = "postgresql://keys:geheim@db/pool?schema=keys"


def test_keys_on_postgresql_are_apart_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never in its database and schema, and never with the master key or the signing key."""
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", KEYS)
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", "postgresql://pool@db:5432/pool")
    with pytest.raises(SettingsError, match="MASTER_KEY und STUNDENPOOL_SIGNING_KEYS"):
        read_settings()
    monkeypatch.setenv("STUNDENPOOL_MASTER_KEY", "env:HAUPTSCHLUESSEL")
    monkeypatch.setenv("STUNDENPOOL_SIGNING_KEYS", "/srv/signing")
    assert read_settings().signing_folder == Path("/srv/signing")
    for variable in ("DATABASE_URL", "MIGRATION_DATABASE_URL"):
        with monkeypatch.context() as same:
            same.setenv(PREFIX + variable, "postgresql://pool@db:5432/pool?schema=keys")
            with pytest.raises(SettingsError, match="getrennt davon") as refused:
                read_settings()
            assert "geheim" not in str(refused.value)
    [shown] = [stated.value for stated in examine_settings()[0] if stated.variable == "STUNDENPOOL_KEYSTORE"]
    assert shown == KEYS.replace("geheim", "•••")


@pytest.mark.parametrize(
    "setting",
    ["file:///srv/master.key", "env:HAUPTSCHLUESSEL", "pkcs11:token=amt;object=m?module-path=/lib/p.so&pin-source=file:/run/pin"],
)
def test_a_place_of_the_master_key_that_settings_take_is_one_that_is_understood(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the key store too, which looks there only when it opens."""
    monkeypatch.setenv("STUNDENPOOL_MASTER_KEY", setting)
    assert open_masters(read_settings().master_key).place


@pytest.mark.parametrize(
    "setting",
    [
        "master.key", "file:master.key", "file://server/master.key", "env:", "env:1X", "env:A B", "vault:transit/amt", "pkcs11:",
        "pkcs11:token=amt;object=m?module-path=/lib/p.so&pin-value=1234", "pkcs11:token=amt;object=?module-path=/p&pin-source=/p",
    ],
)  # fmt: skip
def test_another_place_of_the_master_key_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PIN in the setting too, and it is not repeated."""
    with pytest.raises(ValueError, match=r"MASTER_KEY|PKCS#11"):
        open_masters(setting)
    monkeypatch.setenv("STUNDENPOOL_MASTER_KEY", setting)
    with pytest.raises(SettingsError, match="STUNDENPOOL_MASTER_KEY muss") as refused:
        read_settings()
    assert "1234" not in str(refused.value)
    assert "1234" not in str(examine_settings()[0])


@pytest.mark.parametrize("setting", ["vault://keys", "file://server/keys", "file:keys", "file:///keys?x=1"])
def test_a_keystore_elsewhere_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only local directories hold keys."""
    with pytest.raises(ValueError, match=r"KEYSTORE"):
        open_keystore(setting)
    monkeypatch.setenv("STUNDENPOOL_KEYSTORE", setting)
    with pytest.raises(SettingsError, match="STUNDENPOOL_KEYSTORE"):
        read_settings()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@db/pool",
        "postgresql://u:ge%2Fheim:geheim@db/pool",
        "postgresql://u:ge/heim@db/pool",  # these are wrong, but their passwords are no less secret
        "postgres://u:geheim@db/pool",
        "postgresql:u:geheim@db/pool",
        "postgresql://u@db/pool?password=geheim",
        "geheim",
    ],
)
def test_no_password_is_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masked where the URL is right; where it is wrong, nobody knows what in it is the password."""
    monkeypatch.setenv("STUNDENPOOL_DATABASE_URL", url)
    stated = examine_settings()[0][0]
    assert "heim" not in f"{stated.value} {stated.problem}"


@pytest.mark.parametrize("variable", ["MIGRATION_DATABASE_URL", "READ_DATABASE_URL", "KEYSTORE", "TRACES", "TSA_URL", "HOST"])
@pytest.mark.parametrize("url", ["https://u:geheim@host/x", "https:u:geheim@host/x", "ftp://u:geheim@host", "u:geheim@host"])
def test_no_setting_shows_a_password(variable: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever setting takes a URL, and whether it is one: neither shown nor in what is wrong with it."""
    monkeypatch.setenv(PREFIX + variable, url)
    [stated] = [each for each in examine_settings()[0] if each.variable == PREFIX + variable]
    assert "geheim" not in f"{stated.value} {stated.problem}"
    if stated.problem is not None:
        with pytest.raises(SettingsError) as raised:
            read_settings()
        assert "geheim" not in str(raised.value)


def test_a_variable_that_is_no_setting_is_reported_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped name would otherwise be ignored without a word."""
    monkeypatch.setenv("STUNDENPOOL_DATABASEURL", "x")
    Path(".env").write_text("STUNDENPOOL_FARBE=blau\n")
    unknown = {(found.variable, found.source): found.meant for found in examine_settings()[1]}
    assert unknown["STUNDENPOOL_DATABASEURL", "Umgebung"] == "STUNDENPOOL_DATABASE_URL"
    assert unknown["STUNDENPOOL_FARBE", ".env"] is None


def test_the_example_states_every_setting_with_valid_values_and_true_defaults() -> None:
    """What it shows can be uncommented, and its first value of a setting with a default is that default."""
    shown = re.findall(r"^#(STUNDENPOOL_\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert {name for name, _ in shown} == {PREFIX + setting.name.upper() for setting in fields(Settings)}
    for name, value in shown:
        Path(".env").write_text(f"{name}={value}\n")
        stated, unknown = examine_settings()
        assert not unknown
        assert not any(setting.problem for setting in stated)
    first = dict(reversed(shown))
    for setting in fields(Settings):
        assert setting.default == "" or first[PREFIX + setting.name.upper()] == str(setting.default)
