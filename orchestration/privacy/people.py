"""Whose accounts and contacts belong together, so that what one of them asks holds for the person.

An account is somebody's where half of it or more is theirs; a contact is, where a link names it, or its
handle or e-mail address finds exactly one account on a network. A weaker clue is too little to delete
anything by.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import duckdb

from orchestration.quality.measure import Table, connection, relation
from spark_jobs.lake import Lake

Pair = tuple[str, str]  # network and account id, or CRM and contact id

_MOSTLY = 0.5
_ROUNDS = 4  # account to contact to account and back; nobody's life needs more

_LINKS = """
CREATE TEMP TABLE link AS
SELECT network, account_id, person_id, max(share) AS share
FROM (
    SELECT network, account_id, person_id, share FROM {person_account}
    WHERE valid_to IS NULL OR valid_to > day
    UNION ALL
    SELECT network, account_id, 'key:' || person_key, share FROM {identity_links}
    WHERE share > 0 AND confidence >= {confidence}
)
GROUP BY ALL
"""
_ACCOUNTS = """
CREATE TEMP TABLE account AS
SELECT DISTINCT
    network, account_id, handle, ltrim(lower(trim(handle)), '@') AS name, lower(trim(email)) AS email
FROM {accounts}
"""
_OF_CONTACTS = f"""
WITH own AS (
    SELECT crm, contact_id, network, account_id FROM clue
),
person AS (
    SELECT own.crm, own.contact_id, link.person_id
    FROM own JOIN link USING (network, account_id) WHERE link.share >= {_MOSTLY}
)
SELECT * FROM own
UNION
SELECT person.crm, person.contact_id, link.network, link.account_id
FROM person JOIN link USING (person_id) WHERE link.share >= {_MOSTLY}
ORDER BY ALL
"""  # noqa: S608  a number of ours
_CLUES = """
CREATE TEMP TABLE contact AS
SELECT crm, contact_id, lower(trim(arg_max(email, updated_at))) AS email
FROM {crm_contacts} GROUP BY crm, contact_id;
CREATE TEMP TABLE clue AS
WITH found AS (
    SELECT DISTINCT h.crm, h.contact_id, a.network, a.account_id, 'handle' AS method
    FROM {crm_contact_accounts} AS h
    JOIN account AS a ON a.network = h.network AND a.name = ltrim(lower(trim(h.handle)), '@')
    UNION
    SELECT DISTINCT c.crm, c.contact_id, a.network, a.account_id, 'email'
    FROM contact AS c JOIN account AS a ON a.email = c.email
    WHERE c.email <> ''
    UNION
    SELECT DISTINCT c.crm, c.contact_id, l.network, l.account_id, 'link ' || l.account_id
    FROM contact AS c JOIN link AS l ON l.person_id = 'key:' || c.crm || ':' || c.contact_id
    WHERE l.share >= {mostly}
)
SELECT DISTINCT crm, contact_id, network, account_id
FROM found
QUALIFY count(DISTINCT account_id) OVER (PARTITION BY crm, contact_id, network, method) = 1
"""


@dataclass(frozen=True)
class Belongings:
    """What is one person's. `handles` are (network, handle)."""

    accounts: set[Pair] = field(default_factory=set)
    handles: set[Pair] = field(default_factory=set)
    contacts: set[Pair] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)

    @property
    def person_keys(self) -> set[str]:
        """The keys by which a company linked the accounts."""
        return {person.removeprefix("key:") for person in self.people if person.startswith("key:")}


class People:
    """What the lake's newest days say of accounts, people and contacts."""

    def __init__(self, con: duckdb.DuckDBPyConnection, lake: Lake, least_confidence: float) -> None:
        self._con = con

        def table(name: str, days: Iterable[date]) -> str:
            wanted = list(days)
            return relation(con, Table.of(lake, name, wanted), wanted)

        scored = lake.days("person_account")
        later = [d for d in lake.days("identity_links") if not scored or d > scored[-1]]
        links = {
            "person_account": table("person_account", scored[-1:]),
            "identity_links": table("identity_links", later),
        }
        con.execute(_LINKS.format(**links, confidence=least_confidence))
        con.execute(_ACCOUNTS.format(accounts=table("accounts", lake.days("accounts"))))
        inputs = ("crm_contacts", "crm_contact_accounts")
        con.execute(_CLUES.format(mostly=_MOSTLY, **{name: table(name, lake.days(name)) for name in inputs}))
        self._contacts = table("crm_contacts", lake.days("crm_contacts"))

    def belongings(self, accounts: Iterable[Pair] = (), contacts: Iterable[Pair] = ()) -> Belongings:
        """All that belongs to the person whose accounts or contacts these are."""
        found = Belongings(set(accounts), set(), set(contacts))
        for _ in range(_ROUNDS):
            size = len(found.accounts) + len(found.contacts)
            found.people.update(f"acct:{network}:{account}" for network, account in found.accounts)
            found.people.update(self._people_of(found.accounts))
            found.accounts.update(self._accounts_of(found.people))
            found.contacts.update(self._of("clue", found.accounts, "crm, contact_id", "account_id"))
            found.accounts.update(self._of("clue", found.contacts, "network, account_id", "contact_id"))
            if len(found.accounts) + len(found.contacts) == size:
                break
        found.people.update(f"acct:{network}:{account}" for network, account in found.accounts)
        found.handles.update(self._handles(found.accounts))
        found.emails.update(self._emails("account", "network", "account_id", found.accounts))
        found.emails.update(self._emails("contact", "crm", "contact_id", found.contacts))
        return found

    def accounts_of_contacts(self, contacts: Collection[Pair]) -> list[tuple[Pair, Pair]]:
        """(contact, account) of each account that is mostly the contact's person's."""
        rows = self._con.execute(_OF_CONTACTS).fetchall() if contacts else []
        return [((r[0], r[1]), (r[2], r[3])) for r in rows if (r[0], r[1]) in contacts]

    def contacts(self) -> list[Pair]:
        """Every contact that the lake knows."""
        return self._con.execute(f"SELECT DISTINCT crm, contact_id FROM {self._contacts}").fetchall()  # noqa: S608

    def born(self) -> dict[Pair, tuple[int, date]]:
        """Contacts whose birth year is known: that year, and the day from which it is."""
        rows = self._con.execute(
            "SELECT crm, contact_id, arg_max(birth_year, updated_at), min(day)"  # noqa: S608
            f" FROM {self._contacts} WHERE birth_year IS NOT NULL GROUP BY crm, contact_id"
        ).fetchall()
        return {(crm, contact): (int(year), day) for crm, contact, year, day in rows}

    def _of(self, table: str, pairs: set[Pair], wanted: str, known: str) -> list[Pair]:
        scope = "network" if known == "account_id" else "crm"
        query = f"SELECT {wanted} FROM {table} WHERE {scope} = ? AND {known} = ?"  # noqa: S608
        return [
            (str(row[0]), str(row[1]))
            for pair in sorted(pairs)
            for row in self._con.execute(query, list(pair)).fetchall()
        ]

    def _people_of(self, accounts: set[Pair]) -> list[str]:
        return [
            str(person)
            for network, account in sorted(accounts)
            for (person,) in self._con.execute(
                "SELECT person_id FROM link WHERE network = ? AND account_id = ? AND share >= ?",
                [network, account, _MOSTLY],
            ).fetchall()
        ]

    def _accounts_of(self, people: set[str]) -> list[Pair]:
        return [
            (network, account)
            for person in sorted(people)
            for network, account in self._con.execute(
                "SELECT network, account_id FROM link WHERE person_id = ? AND share >= ?", [person, _MOSTLY]
            ).fetchall()
        ]

    def _emails(self, table: str, scope: str, identifier: str, pairs: set[Pair]) -> list[str]:
        query = f"SELECT DISTINCT email FROM {table} WHERE {scope} = ? AND {identifier} = ? AND email <> ''"  # noqa: S608
        return [
            email for pair in sorted(pairs) for (email,) in self._con.execute(query, list(pair)).fetchall()
        ]

    def _handles(self, accounts: set[Pair]) -> list[Pair]:
        return [
            (network, handle)
            for network, account in sorted(accounts)
            for (handle,) in self._con.execute(
                "SELECT DISTINCT handle FROM account"
                " WHERE network = ? AND account_id = ? AND handle IS NOT NULL",
                [network, account],
            ).fetchall()
        ]


@contextmanager
def known_people(lake: Lake, least_confidence: float) -> Iterator[People]:
    """The lake's people, for as long as they are asked for."""
    with connection(lake) as con:
        yield People(con, lake, least_confidence)
