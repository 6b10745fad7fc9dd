"""Makes the folder's own `worlds` importable; pytest runs in importlib mode, without sys.path tricks."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
