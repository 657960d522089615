"""The base of what clients send as JSON."""

from pydantic import BaseModel, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_NULL = {"type": "null"}
_OUTSIDE = ("title", "description", "default")


class RequestBody(BaseModel, extra="forbid"):
    """An object in which a key that is not known is a fault, and null is absence.

    Clients send null for what they leave open, also for parameters that are not known here. A
    field that must be there is not left out by null: the fault is that it is null.
    """

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        if not isinstance(given, dict) or None not in given.values():
            return given
        return {key: value for key, value in given.items() if value is not None or cls._needs(key)}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Says what is taken: null for each field that need not be there, and for unknown ones."""
        described = handler(schema)
        fields = handler.resolve_ref_schema(described)
        properties = fields.get("properties", {})
        for name in properties.keys() - set(fields.get("required", [])):
            properties[name] = _or_null(properties[name])
        fields["additionalProperties"] = {"type": "null"}
        return described

    @classmethod
    def _needs(cls, key: object) -> bool:
        field = cls.model_fields.get(key) if isinstance(key, str) else None
        return field is not None and field.is_required()


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    if _NULL in schema.get("anyOf", []):
        return schema
    outside = {key: schema[key] for key in _OUTSIDE if key in schema}
    inside = {key: value for key, value in schema.items() if key not in _OUTSIDE}
    return {"anyOf": [inside, _NULL], **outside}
