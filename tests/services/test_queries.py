"""What every application says of its query parameters: an address never holds a NUL character."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.services.applications import APPLICATIONS, client_of


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_no_query_parameter_promises_to_take_nul(name: str, tmp_path: Path) -> None:
    async with client_of(name, tmp_path) as http:
        document = (await http.get("/openapi.json")).json()

    parameters = [
        (f"{path}: {parameter['name']}", schema)
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
        for schema in parameter["schema"].get("anyOf", [parameter["schema"]])
        if schema["type"] == "string"
    ]

    assert parameters or name == "backbone"
    assert [place for place, schema in parameters if takes_nul(schema)] == []


def takes_nul(schema: dict[str, Any]) -> bool:
    if {"format", "enum", "const"} & schema.keys():
        return False
    return re.search(schema.get("pattern", ""), "a\0") is not None
