"""dbt's models and sources say what the data contracts say: names, order, types and what is required."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from spark_jobs.contracts import Dataset, contracts

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _settings() -> dict[str, Any]:
    models: dict[str, Any] = _yaml(PROJECT / "dbt_project.yml")["models"]["stature"]["marts"]
    return models


def _models() -> dict[str, dict[str, Any]]:
    """Every mart's model by `schema.name`; the schema is that of its folder."""
    found = {}
    for folder in sorted((PROJECT / "models" / "marts").iterdir()):
        schema = _settings()[folder.name]["+schema"]
        for file in folder.glob("*.yml"):
            for model in _yaml(file).get("models", []):
                assert (folder / f"{model['name']}.sql").exists(), f"{model['name']} has no SQL"
                found[f"{schema}.{model['name']}"] = model
    return found


def _sources() -> dict[str, dict[str, Any]]:
    [lake] = _yaml(PROJECT / "models" / "staging" / "_lake.yml")["sources"]
    assert lake["name"] == "lake"
    return {table["name"]: table for table in lake["tables"]}


MODELS, SOURCES = _models(), _sources()
MARTS = {n: d for n, d in contracts().items() if d.layer == "mart" and d.status == "active"}


def _expected(dataset: Dataset) -> list[tuple[str, str]]:
    return [(field.name, field.physical_type.lower()) for field in dataset.fields]


def _declared(node: dict[str, Any]) -> list[tuple[str, str]]:
    return [(column["name"], column["data_type"]) for column in node["columns"]]


def test_every_active_mart_has_a_model_and_no_draft_has_one() -> None:
    assert set(MODELS) == set(MARTS)


def test_every_model_has_its_description_and_sql() -> None:
    written = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")}
    assert written == {name.split(".")[1] for name in MODELS}


def test_the_contract_of_every_mart_is_enforced() -> None:
    assert _settings()["+contract"] == {"enforced": True}
    assert all("contract" not in model.get("config", {}) for model in MODELS.values())
    assert not [
        path for path in (PROJECT / "models" / "marts").rglob("*.sql") if "contract" in path.read_text()
    ]


@pytest.mark.parametrize("name", sorted(MARTS))
def test_columns_of_a_mart(name: str) -> None:
    assert _declared(MODELS[name]) == _expected(MARTS[name])


@pytest.mark.parametrize("name", sorted(MARTS))
def test_required_columns_of_a_mart(name: str) -> None:
    constrained = [
        column["name"]
        for column in MODELS[name]["columns"]
        if any(constraint["type"] == "not_null" for constraint in column.get("constraints", []))
    ]
    assert constrained == [field.name for field in MARTS[name].fields if field.required]


@pytest.mark.parametrize("name", sorted(MARTS))
def test_what_the_database_cannot_refuse_in_a_view_is_tested(name: str) -> None:
    schema, table = name.split(".")
    [sql] = (PROJECT / "models" / "marts").rglob(f"{table}.sql")
    tested = {key: test[key]["arguments"] for test in MODELS[name]["data_tests"] for key in test}
    assert tuple(tested["unique_key"]["columns"]) == MARTS[name].key, schema
    if "materialized='view'" in sql.read_text():
        required = [field.name for field in MARTS[name].fields if field.required]
        assert tested["required"]["columns"] == required


@pytest.mark.parametrize("name", sorted(MARTS))
def test_values_of_a_mart_are_those_of_the_contract(name: str) -> None:
    tested = {
        test["one_of"]["arguments"]["column"]: tuple(test["one_of"]["arguments"]["values"])
        for test in MODELS[name]["data_tests"]
        if "one_of" in test
    }
    assert tested == {field.name: field.enum for field in MARTS[name].fields if field.enum}


@pytest.mark.parametrize("name", sorted(MARTS))
def test_descriptions_of_a_mart(name: str) -> None:
    model, dataset = MODELS[name], MARTS[name]
    assert model["description"] == dataset.description
    described = [column["description"] for column in model["columns"]]
    assert described == [field.description for field in dataset.fields]


def test_every_source_has_a_staging_model_and_a_contract() -> None:
    staged = {path.stem.removeprefix("stg_") for path in (PROJECT / "models" / "staging").glob("stg_*.sql")}
    assert set(SOURCES) == staged - {"lake_manifest"}
    assert set(SOURCES) <= {
        name for name, dataset in contracts().items() if dataset.layer in ("input", "lake")
    }


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_columns_of_a_source(name: str) -> None:
    assert _declared(SOURCES[name]) == _expected(contracts()[name])


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_source_is_the_asset_of_its_lake_table(name: str) -> None:
    assert SOURCES[name]["config"]["meta"]["dagster"]["asset_key"] == ["lake", name]
