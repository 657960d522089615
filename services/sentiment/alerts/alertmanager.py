"""An alert as other systems read it: Alertmanager's webhook, and CloudEvents.

Source: Prometheus Alertmanager, configuration, "webhook_config" (payload version 4); CloudEvents
1.0.2, JSON event format.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from services.sentiment.alerts.record import AlertRecord
from shared.delivery.outbox import Message

ALERT_NAME = "NegativeNewsSurge"
WEBHOOK = "webhook"
ALERTS = "alerts"
NOTIFIED = ("firing", "resolved")
"""The states that others are told of; of an episode that never fired they are told nothing."""

_CLOUD_EVENT = "application/cloudevents+json; charset=UTF-8"
_STILL = "0001-01-01T00:00:00Z"
"""What Alertmanager writes for an end that is not known."""


def messages(alert: AlertRecord, *, has_webhook: bool) -> list[Message]:
    """What is sent of an alert that came into one of `NOTIFIED`; the key is the state's own.

    A receiver gets the states of one fingerprint in their order, or it ends on the wrong one.
    """
    if alert.state not in NOTIFIED or alert.fired_at is None:
        return []
    key = f"{alert.uid}:{alert.state}"
    event = {"content-type": _CLOUD_EVENT}
    order = alert.fingerprint
    sent = [Message(ALERTS, key, cloud_event(alert), event, ordered_by=order)]
    if has_webhook:
        headers = {"idempotency-key": key}
        sent.append(Message(WEBHOOK, key, webhook_payload(alert), headers, ordered_by=order))
    return sent


def webhook_payload(alert: AlertRecord) -> bytes:
    """Alertmanager's payload, version 4, with this one alert."""
    labels = {
        "alertname": ALERT_NAME,
        "tenant": alert.tenant,
        "entity": alert.entity,
        "severity": "warning",
    }
    annotations = {"summary": summary(alert), "description": description(alert)}
    status = "resolved" if alert.state == "resolved" else "firing"
    ends_at = _STILL if alert.resolved_at is None else iso(alert.resolved_at)
    return orjson.dumps(
        {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{ALERT_NAME}"}}:{alert.fingerprint}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": WEBHOOK,
            "groupLabels": {"alertname": ALERT_NAME},
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": "",
            "alerts": [
                {
                    "status": status,
                    "labels": labels,
                    "annotations": annotations,
                    "startsAt": iso(alert.started_at),
                    "endsAt": ends_at,
                    "generatorURL": "",
                    "fingerprint": alert.fingerprint,
                }
            ],
        }
    )


def cloud_event(alert: AlertRecord) -> bytes:
    """A CloudEvent in structured mode; (`source`, `id`) is the same at every delivery."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{alert.uid}:{alert.state}",
            "source": "/sentiment/alerts",
            "type": f"banyan.sentiment.alert.{alert.state}",
            "subject": alert.entity,
            "time": iso(alert.changed_at),
            "datacontenttype": "application/json",
            "tenant": alert.tenant,
            "data": alert.as_json(),
        }
    )


def summary(alert: AlertRecord) -> str:
    """One line for a person."""
    about = alert.entity
    if alert.state == "resolved":
        return f"Negative news about {about} is back to its usual level"
    return f"Negative news about {about} surges"


def description(alert: AlertRecord) -> str:
    """The figures, and the text that drove the alert most."""
    figures = alert.figures
    minutes = _number(figures, "window_s") / 60
    parts = [
        f"{figures.get('negative')} of {figures.get('total')} texts in {minutes:.0f} minutes are "
        f"negative; {_number(figures, 'expected_negative'):.1f} were to be expected"
    ]
    if alert.drivers:
        parts.append(f"such as: {alert.drivers[0].get('text')}")
    return "; ".join(parts)


def iso(time_s: float) -> str:
    """Unix seconds as RFC 3339, UTC."""
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


def _number(figures: Mapping[str, object], name: str) -> float:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
