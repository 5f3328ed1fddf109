"""Set InfluxDB up: first login, buckets, the names that InfluxQL calls them by, and tokens that can do little.

Idempotent: what is there as it should be stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from influxdb_client import (
    Authorization,
    BucketRetentionRules,
    DBRPCreate,
    DBRPsService,
    InfluxDBClient,
    OnboardingRequest,
    Permission,
    PermissionResource,
    SetupService,
)
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from barograph.errors import ServiceUnavailable, SettingsError
from barograph.settings import Settings

USER = "barograph"
DAY = 86_400
OPERATIONS_DAYS = 30


def buckets(settings: Settings) -> dict[str, int]:
    """Each bucket and the seconds it keeps; 0 is for ever."""
    return {
        settings.influx.readings: 0,
        settings.influx.windows: settings.influx.windows_days * DAY,
        settings.influx.rollups: 0,
        settings.influx.operations: OPERATIONS_DAYS * DAY,
    }


def tokens(settings: Settings) -> dict[str, str]:
    """Our tokens beside the operator's, as secrets are called, and the one thing each may do in our buckets."""
    return {"influx_loader": "write", "influx_reader": "read"}


def onboard(settings: Settings) -> bool:
    """Take a new server into possession, before a stranger does; whether that was needed."""
    with _client(settings, token=None) as client:
        service = SetupService(client.api_client)
        if not service.get_setup().allowed:
            return False
        # The token is ours beforehand: a crash between the answer and its file cannot lose it.
        service.post_setup(
            OnboardingRequest(
                username=USER,
                password=settings.secret("influx_operator"),
                org=settings.influx.org,
                bucket=settings.influx.readings,
                token=settings.secret("influx_operator_token"),
            )
        )
        return True


def make_buckets(settings: Settings) -> list[str]:
    """Make the missing buckets, set what they keep, and map InfluxQL's databases; returns what was changed."""
    changed = []
    with operator(settings) as client:
        org = _organisation(client, settings)
        api = client.buckets_api()
        for name, seconds in buckets(settings).items():
            rule = BucketRetentionRules(type="expire", every_seconds=seconds)
            found = api.find_bucket_by_name(name)
            if found is None:
                found = api.create_bucket(bucket_name=name, org_id=org, retention_rules=rule)
                changed.append(f"bucket {name}")
            elif sum(kept.every_seconds or 0 for kept in found.retention_rules) != seconds:
                found.retention_rules = [rule]
                api.update_bucket(found)
                changed.append(f"retention of {name}")
            if _map_database(client, org, name, found.id):
                changed.append(f"database {name}")
    return changed


def make_token(settings: Settings, name: str) -> str | None:
    """A token for one of `tokens`; None if InfluxDB knows it and the stored one still works.

    InfluxDB shows a token once. One that we lost is revoked and made anew.
    """
    action = tokens(settings)[name]
    with operator(settings) as client:
        api = client.authorizations_api()
        known = [found for found in api.find_authorizations() if found.description == name]
        if known and _works(settings, name):
            return None
        for lost in known:
            api.delete_authorization(lost)
        org = _organisation(client, settings)
        bucket_ids = [client.buckets_api().find_bucket_by_name(bucket).id for bucket in buckets(settings)]
        permissions = [
            Permission(action=action, resource=PermissionResource(type="buckets", id=bucket, org_id=org))
            for bucket in bucket_ids
        ]
        made = api.create_authorization(
            authorization=Authorization(org_id=org, permissions=permissions, description=name)
        )
        return str(made.token)


@contextmanager
def operator(settings: Settings) -> Iterator[InfluxDBClient]:
    """A client that may do everything. Raises ServiceUnavailable, or SettingsError where our token is unknown."""
    with _client(settings, settings.secret("influx_operator_token")) as client:
        yield client


@contextmanager
def _client(settings: Settings, token: str | None) -> Iterator[InfluxDBClient]:
    client = InfluxDBClient(
        settings.influx_url, token=token, org=settings.influx.org, timeout=int(settings.influx.timeout * 1000)
    )
    try:
        yield client
    except ApiException as error:
        if error.status == 401:
            raise SettingsError(
                f"InfluxDB at {settings.influx_url} does not know our operator token. It was set up by somebody else, "
                "or secrets/influx_operator_token is another server's."
            ) from error
        raise ServiceUnavailable(f"InfluxDB refuses: {error.status} {error.reason} {str(error.body)[:300]}") from error
    except (HTTPError, OSError) as error:
        raise ServiceUnavailable(
            f"InfluxDB does not answer at {settings.influx_url} ({type(error).__name__}). "
            "`barograph status` shows which servers run."
        ) from error
    finally:
        client.close()


def _organisation(client: InfluxDBClient, settings: Settings) -> str:
    found = client.organizations_api().find_organizations(org=settings.influx.org)
    return str(found[0].id)


def _map_database(client: InfluxDBClient, org: str, name: str, bucket: str) -> bool:
    """Let `SELECT ... ` with db=readings find the bucket. Every bucket has a virtual mapping; this one is ours."""
    service = DBRPsService(client.api_client)
    mappings: list[Any] = service.get_dbr_ps(org_id=org, db=name).content or []
    if any(mapping.bucket_id == bucket and not getattr(mapping, "virtual", False) for mapping in mappings):
        return False
    service.post_dbrp(DBRPCreate(org_id=org, bucket_id=bucket, database=name, retention_policy="autogen", default=True))
    return True


def _works(settings: Settings, name: str) -> bool:
    """Whether InfluxDB knows the stored token: an unknown one gets 401, one without the right 403 or 404."""
    try:
        token = settings.secret(name)
    except SettingsError:
        return False
    try:
        with _client(settings, token) as client:
            client.buckets_api().find_buckets(limit=1)
    except SettingsError:
        return False
    return True
