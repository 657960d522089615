"""The base of what clients send as JSON."""

from pydantic import BaseModel, ConfigDict, model_validator


class RequestBody(BaseModel):
    """An object in which a key that is not known is a fault, and null is absence.

    Clients send null for what they leave open, also for parameters that are not known here. A
    field that must be there is not left out by null: the fault is that it is null.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        if not isinstance(given, dict) or None not in given.values():
            return given
        return {key: value for key, value in given.items() if value is not None or cls._needs(key)}

    @classmethod
    def _needs(cls, key: object) -> bool:
        field = cls.model_fields.get(key) if isinstance(key, str) else None
        return field is not None and field.is_required()
