"""The fields that a mapping reads are in the service's own description, with the type that is expected."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.connectors import bluesky
from orchestration.connectors.registry import CONNECTORS

SCHEMAS = Path(__file__).parents[4] / "shared" / "data" / "schemas"
PLACES = {
    "x": ("x/openapi-v2.json", ("components", "schemas")),
    "youtube": ("youtube/youtube.v3.json", ("schemas",)),
}


def test_described_fields_of_bluesky() -> None:
    """Its description is one lexicon a file: `app.bsky.feed.defs#postView` is in app/bsky/feed/defs.json."""
    lexicons = SCHEMAS / "bluesky" / "lexicons"
    if not lexicons.exists():
        pytest.skip("the descriptions of ../shared/data are not here")
    wrong = []
    for name, fields in bluesky.FIELDS.items():
        file, _, part = name.partition("#")
        found = json.loads((lexicons / f"{file.replace('.', '/')}.json").read_text())["defs"][part or "main"]
        properties = found.get("record", found)["properties"]
        wrong += [
            f"{name}.{field}: {properties.get(field, {}).get('type')} and not {expected}"
            for field, expected in fields.items()
            if properties.get(field, {}).get("type") != expected
        ]
    assert wrong == []


@pytest.mark.parametrize("network", PLACES)
def test_described_fields(network: str) -> None:
    file, path = PLACES[network]
    if not (SCHEMAS / file).exists():
        pytest.skip("the descriptions of ../shared/data are not here")
    schemas = json.loads((SCHEMAS / file).read_text(encoding="utf-8"))
    for key in path:
        schemas = schemas[key]
    described = importlib.import_module(CONNECTORS[network]).FIELDS
    assert described
    wrong = [
        f"{schema}.{field}: {found} and not {expected}"
        for schema, fields in described.items()
        for field, expected in fields.items()
        if (found := _type(schemas, schemas[schema], field.split("."))) != expected
    ]
    assert wrong == []


def _type(schemas: dict[str, Any], schema: dict[str, Any], path: list[str]) -> str | None:
    """The type of a field, through lists on the way; None where there is no such field."""
    schema = _whole(schemas, schema)
    if not path:
        return str(schema.get("type"))
    if schema.get("type") == "array":
        return _type(schemas, schema["items"], path)
    found = schema.get("properties", {}).get(path[0])
    return None if found is None else _type(schemas, found, path[1:])


def _whole(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to, and what it is put together from, in it."""
    if "$ref" in schema:
        return _whole(schemas, schemas[schema["$ref"].rpartition("/")[2]])
    if "allOf" not in schema:
        return schema
    parts = [_whole(schemas, part) for part in schema["allOf"]]
    properties = {name: value for part in parts for name, value in part.get("properties", {}).items()}
    return {"type": "object", "properties": properties}
