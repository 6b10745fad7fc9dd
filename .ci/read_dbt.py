"""Let dbt read the project once, so that the first runs need not. Without it the first run does it itself."""

from __future__ import annotations

import tempfile


def main() -> None:
    from orchestration.defs.warehouse.project import prepared
    from orchestration.settings import settings

    with tempfile.TemporaryDirectory() as home:
        prepared(settings().model_copy(update={"home": home}))


if __name__ == "__main__":
    main()
