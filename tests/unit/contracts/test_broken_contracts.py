"""A contract that breaks a convention is refused, and the error names file and property."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spark_jobs.contracts import CONTRACTS_FOLDER, ContractError, load_contract, load_folder

Contract = dict[str, Any]
Breaking = Callable[[Contract], object]


def _column(contract: Contract, name: str) -> Any:
    return next(p for p in contract["schema"][0]["properties"] if p["name"] == name)


def _custom(name: str, value: object) -> dict[str, object]:
    return {"property": name, "value": value}


def _set(column: str, **changes: object) -> Breaking:
    return lambda contract: _column(contract, column).update(changes)


def _drop(column: str, key: str) -> Breaking:
    return lambda contract: _column(contract, column).pop(key)


def _no_key(contract: Contract) -> None:
    for prop in contract["schema"][0]["properties"]:
        prop.pop("primaryKey", None)


# name: (the file that is broken, how, what the error must say)
BROKEN: dict[str, tuple[str, Breaking, str]] = {
    "unknown type": (
        "inputs/activities",
        _set("kind", physicalType="ENUM"),
        r"property kind: unknown type string/ENUM",
    ),
    "types that do not go together": (
        "inputs/accounts",
        _set("posts", logicalType="number"),
        r"property posts: unknown type number/BIGINT",
    ),
    "array of numbers": (
        "inputs/activities",
        _set("topics", items={"logicalType": "number"}),
        r"property topics: an array needs items with logicalType string",
    ),
    "no key": ("inputs/activities", _no_key, r"schema activities: missing key"),
    "gap in the key": (
        "inputs/activities",
        _set("activity_id", primaryKeyPosition=3),
        r"primaryKeyPosition must count 1, 2, 3, is: network 1, activity_id 3",
    ),
    "key that may be null": (
        "inputs/activities",
        _drop("activity_id", "required"),
        r"property activity_id: a key column must be required",
    ),
    "nullableKey off the key": (
        "inputs/activities",
        _set("content_id", customProperties=[_custom("nullableKey", "why not")]),
        r"property content_id: nullableKey is for key columns",
    ),
    "leftEmpty on a key": (
        "inputs/crm_contacts",
        _set("contact_id", customProperties=[_custom("leftEmpty", True)]),
        r"property contact_id: leftEmpty is for columns that may be empty",
    ),
    "unknown custom property": (
        "inputs/activities",
        _set("occurred_at", customProperties=[_custom("notInFuture", True)]),
        r"property occurred_at: unknown custom property 'notInFuture' \(known: notFuture, ",
    ),
    "custom property of the wrong type": (
        "inputs/activities",
        _set("occurred_at", customProperties=[_custom("notFuture", "yes")]),
        r"property occurred_at: notFuture is 'yes', must be a bool",
    ),
    "unknown exempt kind": (
        "inputs/activities",
        _set(
            "occurred_at",
            customProperties=[_custom("maxAgeDays", 90), _custom("maxAgeExemptKinds", ["folow"])],
        ),
        r"property occurred_at: maxAgeExemptKinds must be values of kind",
    ),
    "exemption from nothing": (
        "inputs/activities",
        _set("occurred_at", customProperties=[_custom("maxAgeExemptKinds", ["follow"])]),
        r"property occurred_at: maxAgeExemptKinds needs maxAgeDays",
    ),
    "time rule on text": (
        "inputs/activities",
        _set("content_id", customProperties=[_custom("notFuture", True)]),
        r"property content_id: notFuture and maxAgeDays are for timestamps, not for string",
    ),
    "lower case of a number": (
        "inputs/accounts",
        _set("posts", customProperties=[_custom("lowerCase", True)]),
        r"property posts: lowerCase is for text, not for bigint",
    ),
    "minimum above maximum": (
        "inputs/identity_links",
        _set("share", logicalTypeOptions={"minimum": 2, "maximum": 1}),
        r"property share: minimum 2 is above maximum 1",
    ),
    "rule that nobody checks": (
        "inputs/accounts",
        _set("handle", logicalTypeOptions={"pattern": "^[a-z]+$"}),
        r"property handle: unknown option pattern for the type string",
    ),
    "limit that is no number": (
        "inputs/accounts",
        _set("handle", logicalTypeOptions={"maxLength": "long"}),
        r"property handle: maxLength is 'long', must be a number",
    ),
    "enum of numbers": (
        "inputs/accounts",
        _set("posts", enum=[{"value": 1}]),
        r"property posts: enum is for text, the type is bigint",
    ),
    "enum with a value twice": (
        "inputs/activities",
        _set("kind", enum=[{"value": "post"}, {"value": "post"}]),
        r"property kind: enum must be a list of different texts",
    ),
    "unknown classification": (
        "inputs/accounts",
        _set("email", classification="secret"),
        r"property email: classification is 'secret', must be 'personal'",
    ),
    "no description of a column": (
        "inputs/accounts",
        _drop("email", "description"),
        r"property email: name and description must be there",
    ),
    "no purpose": ("inputs/accounts", lambda c: c.pop("description"), r"description.purpose is missing"),
    "column twice": (
        "inputs/accounts",
        lambda c: c["schema"][0]["properties"].append(dict(_column(c, "email"))),
        r"property email: is declared twice",
    ),
    "input without its partition": (
        "inputs/accounts",
        _drop("day", "partitioned"),
        r"property day: must be partitioned in inputs and lake tables",
    ),
    "partition by another column": (
        "inputs/accounts",
        _set("region", partitioned=True),
        r"property region: the partition must be the required date column day",
    ),
    "group of unknown columns": (
        "inputs/privacy_requests",
        lambda c: c["schema"][0].update(customProperties=[_custom("requiredGroups", [["network", "id"]])]),
        r"schema privacy_requests: requiredGroups: \['network', 'id'\] is not a list of columns",
    ),
    "mart without its schema": (
        "marts/bi_score_trend",
        lambda c: c["schema"][0].pop("physicalName"),
        r"schema score_trend: physicalName is None, must be <core\|bi\|crm>.score_trend",
    ),
    "name unlike the file's": (
        "inputs/accounts",
        lambda c: c["schema"][0].update(name="users"),
        r"schema users: the file must be called users.odcs.yaml",
    ),
    "two datasets in a file": (
        "inputs/accounts",
        lambda c: c["schema"].append(c["schema"][0]),
        r"schema: must hold one dataset, holds 2",
    ),
    "unknown layer": (
        "inputs/accounts",
        lambda c: c.update(customProperties=[_custom("layer", "silver")]),
        r"custom property layer is 'silver', must be one of input, lake, mart",
    ),
    "unknown status": (
        "inputs/accounts",
        lambda c: c.update(status="proposed"),
        r"status is 'proposed', must be one of active, draft",
    ),
    "unknown top-level field": (
        "inputs/accounts",
        lambda c: c.update(colour="red"),
        r"colour: Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_error_names_file_and_property(tmp_path: Path, name: str) -> None:
    source, breaking, message = BROKEN[name]
    original = CONTRACTS_FOLDER / f"{source}.odcs.yaml"
    broken = tmp_path / original.name
    content = yaml.safe_load(original.read_text())
    breaking(content)
    broken.write_text(yaml.safe_dump(content))

    with pytest.raises(ContractError, match=message) as raised:
        load_contract(broken)
    assert str(raised.value).startswith(f"{broken}: ")


@pytest.mark.parametrize("text", ["a: [", "- a list", "\x00"])
def test_a_file_that_is_no_contract_is_named(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "accounts.odcs.yaml"
    broken.write_text(text)
    with pytest.raises(ContractError, match=r"accounts\.odcs\.yaml: (cannot be read|is not a YAML mapping)"):
        load_contract(broken)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"nowhere\.odcs\.yaml: cannot be read"):
        load_contract(tmp_path / "nowhere.odcs.yaml")
    with pytest.raises(ContractError, match="contracts: the folder of data contracts is missing"):
        load_folder(tmp_path / "contracts")


def test_a_contract_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    shutil.copy(CONTRACTS_FOLDER / "inputs" / "accounts.odcs.yaml", tmp_path / "lake")
    with pytest.raises(ContractError, match=r"accounts\.odcs\.yaml: layer is input, but the folder is lake"):
        load_folder(tmp_path)


def test_a_name_has_one_contract(tmp_path: Path) -> None:
    original = (CONTRACTS_FOLDER / "inputs" / "accounts.odcs.yaml").read_text()
    for folder, layer in (("inputs", "input"), ("lake", "lake")):
        (tmp_path / folder).mkdir()
        text = original.replace("value: input", f"value: {layer}", 1)
        (tmp_path / folder / "accounts.odcs.yaml").write_text(text)
    with pytest.raises(ContractError, match=r"lake.accounts\.odcs\.yaml: accounts has a contract already"):
        load_folder(tmp_path)
