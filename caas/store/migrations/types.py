"""Types of columns for migrations; history, so they never change."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql


def time() -> sa.types.TypeEngine[Any]:
    """To the microsecond everywhere."""
    return sa.DateTime().with_variant(
        mysql.DATETIME(fsp=6), "mysql", "mariadb"
    )


def json() -> sa.types.TypeEngine[Any]:
    """Text of any length."""
    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def blob() -> sa.types.TypeEngine[Any]:
    """Bytes, of any length."""
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
