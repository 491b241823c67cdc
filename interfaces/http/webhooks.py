"""Webhooks over HTTP: what an administrator registers, and how far each is behind."""

from typing import Any
from uuid import UUID

import msgspec

from application.privacy import Keyring
from interfaces.http import bodies, parameters
from interfaces.http.operations import Asking, Change, Changing, Operation, Page, Query
from interfaces.http.policies import ADMINS, ADMINS_AND_OFFICERS, OFFICERS
from interfaces.webhooks import subscriptions
from interfaces.webhooks.subscriptions import RegisteredWebhook, WebhookView

_decode = msgspec.json.Decoder(WebhookView).decode


def register_webhook(changing: Changing, **wanted: Any) -> WebhookView:
    return subscriptions.register(changing.transaction, changing.actor.subject, **wanted)


def remove_webhook(changing: Changing, id: UUID) -> WebhookView:
    return subscriptions.remove(changing.transaction, id)


def resume_webhook(changing: Changing, id: UUID) -> WebhookView:
    return subscriptions.resume(changing.transaction, id)


def release_webhook(changing: Changing, id: UUID) -> WebhookView:
    return subscriptions.release(changing.transaction, id)


def list_webhooks(asking: Asking, wanted: parameters.Parameters) -> Page[WebhookView]:
    return Page(subscriptions.views(asking.reader), None)


def get_webhook(asking: Asking, wanted: parameters.Parameters, id: UUID) -> WebhookView:
    return subscriptions.get(asking.reader, id)


def _with_secret(keyring: Keyring, body: bytes) -> bytes:
    return msgspec.json.encode(subscriptions.with_secret(keyring, _decode(body)))


REGISTERED = ("register_webhook",)

OPERATIONS: tuple[Operation, ...] = (
    Change(
        path="/webhooks",
        policy=ADMINS,
        summary="Webhook anmelden",
        note="Sobald die Sachbearbeitung ihn freigegeben hat, wird jedes Ereignis als CloudEvent an die Adresse gesendet, in der "
        "Reihenfolge des Protokolls und bis der Empfänger es mit 2xx annimmt; signiert nach Standard Webhooks. `secret` steht nur "
        "in dieser Antwort.",
        make=register_webhook,
        body=bodies.WebhookRegistration,
        example={"url": "https://fachverfahren.example/stundenpool", "types": ["hours-approved", "session-logged"]},
        completed=_with_secret,
        view=RegisteredWebhook,
        created=True,
    ),
    Query(
        path="/webhooks",
        policy=ADMINS_AND_OFFICERS,
        summary="Alle Webhooks mit ihrem Rückstand",
        read=list_webhooks,
        parameters=parameters.Parameters,
        view=WebhookView,
        paged=True,
    ),
    Query(
        path="/webhooks/{webhook}",
        policy=ADMINS_AND_OFFICERS,
        summary="Ein Webhook mit seinem Rückstand",
        read=get_webhook,
        parameters=parameters.Parameters,
        view=WebhookView,
        given=REGISTERED,
    ),
    Change(
        path="/webhooks/{webhook}",
        policy=ADMINS,
        method="DELETE",
        summary="Webhook abmelden",
        note="Die Antwort sagt, bis zu welcher Position zugestellt war.",
        make=remove_webhook,
        view=WebhookView,
        given=REGISTERED,
    ),
    Change(
        path="/webhooks/{webhook}/release",
        policy=OFFICERS,
        summary="Webhook freigeben",
        note="Wer ihn angemeldet hat, verwaltet den Dienst und sieht keine Fälle: Wohin Ereignisse gehen, entscheidet das Fach.",
        make=release_webhook,
        view=WebhookView,
        given=REGISTERED,
    ),
    Change(
        path="/webhooks/{webhook}/resumption",
        policy=ADMINS,
        summary="Angehaltenen Webhook fortsetzen",
        note="Er wird sofort wieder versucht; die Frist, nach der er angehalten wird, beginnt neu.",
        make=resume_webhook,
        view=WebhookView,
        given=REGISTERED,
    ),
)
